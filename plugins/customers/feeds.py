"""What customers accepts from source systems."""

from __future__ import annotations

from core.sdk.hooks import Column, Feed
from plugins.customers.services.intake import apply

_ACCOUNT = "customers.account.account_id"

PARTY = Feed(
    "customers.party",
    "Customers",
    (
        Column("source_cust_id", "text", "Customer number at the source"),
        Column("kind", "text", "Customer kind"),
        Column("name", "text", "Name", nullable=True, data_class="C2.name"),
        Column("org_code", "text", "Organisation code", nullable=True),
        Column("cert_type", "text", "Document type", nullable=True),
        Column("cert_no", "text", "Document number", nullable=True, data_class="C2.id_no"),
        Column("mobile", "text", "Mobile number", nullable=True, data_class="C2.mobile"),
        Column("gender", "text", "Gender", nullable=True),
        Column("birth_date", "date", "Birth date", nullable=True),
        Column("nationality", "text", "Nationality", nullable=True),
        Column("occupation", "text", "Occupation", nullable=True),
        Column("address", "text", "Address", nullable=True, data_class="C2.address"),
        Column("email", "text", "E-mail", nullable=True, data_class="C2.email"),
        Column("legal_rep", "text", "Legal representative", nullable=True, data_class="C2.name"),
        Column("industry", "text", "Industry", nullable=True),
        Column("reg_capital", "money", "Registered capital", nullable=True),
        Column("open_date", "date", "Customer since", nullable=True),
        Column("status", "text", "Status", nullable=True),
    ),
    ("source_cust_id",),
    "full",
    apply,
)

ACCOUNT = Feed(
    "customers.account",
    "Accounts",
    (
        Column("account_id", "text", "Account id"),
        Column("account_no", "text", "Account number", nullable=True, data_class="C2.account"),
        Column("product", "text", "Product", nullable=True),
        Column("kind", "text", "Account kind"),
        Column("currency", "text", "Currency"),
        Column("org_code", "text", "Organisation code", nullable=True),
        Column("open_date", "date", "Opened", nullable=True),
        Column("maturity_date", "date", "Matures", nullable=True),
        Column("rate", "rate", "Interest rate", nullable=True),
        Column("balance", "money", "Balance", nullable=True),
        Column("status", "text", "Status", nullable=True),
    ),
    ("account_id",),
    "full",
)

ACCOUNT_PARTY = Feed(
    "customers.account_party",
    "Who holds an account",
    (
        Column("link_id", "text", "Link id"),
        Column("account_id", "text", "Account id", references=_ACCOUNT),
        Column("source_cust_id", "text", "Customer number at the source", references="customers.party.source_cust_id"),
        Column("role", "text", "Role"),
    ),
    ("link_id",),
    "full",
)

TRANSACTION = Feed(
    "customers.transaction",
    "Transactions",
    (
        Column("txn_id", "text", "Transaction id"),
        Column("account_id", "text", "Account id", references=_ACCOUNT),
        Column("date", "date", "Date"),
        Column("seq", "int", "Order within the day", nullable=True),
        Column("direction", "text", "Direction"),
        Column("amount", "money", "Amount"),
        Column("balance", "money", "Balance", nullable=True),
        Column("currency", "text", "Currency", nullable=True),
        Column("kind", "text", "Transaction kind", nullable=True),
        Column("counterparty", "text", "Counterparty", nullable=True, data_class="C2.name"),
        Column("memo", "text", "Memo", nullable=True),
    ),
    ("txn_id",),
    "incremental",
)

LOAN = Feed(
    "customers.loan",
    "Loans",
    (
        Column("loan_id", "text", "Loan id"),
        Column("account_id", "text", "Account id", references=_ACCOUNT),
        Column("date", "date", "Granted"),
        Column("amount", "money", "Amount"),
        Column("term_months", "int", "Months"),
        Column("payment", "money", "Monthly payment"),
        Column("status", "text", "Status"),
        Column("balance", "money", "Balance", nullable=True),
        Column("class", "text", "Risk class", nullable=True),
        Column("purpose", "text", "Purpose", nullable=True),
    ),
    ("loan_id",),
    "full",
)

CARD = Feed(
    "customers.card",
    "Cards",
    (
        Column("card_id", "text", "Card id"),
        Column("link_id", "text", "Link id", references="customers.account_party.link_id"),
        Column("type", "text", "Card type"),
        Column("issued", "date", "Issued"),
        Column("card_no", "text", "Card number", nullable=True, data_class="C2.card"),
    ),
    ("card_id",),
    "full",
)

STANDING_ORDER = Feed(
    "customers.standing_order",
    "Standing orders",
    (
        Column("order_id", "text", "Order id"),
        Column("account_id", "text", "Account id", references=_ACCOUNT),
        Column("bank_to", "text", "Receiving bank", nullable=True),
        Column("account_to", "text", "Receiving account", nullable=True, data_class="C2.account"),
        Column("amount", "money", "Amount"),
        Column("purpose", "text", "Purpose", nullable=True),
    ),
    ("order_id",),
    "full",
)

FEEDS = (PARTY, ACCOUNT, ACCOUNT_PARTY, TRANSACTION, LOAN, CARD, STANDING_ORDER)
