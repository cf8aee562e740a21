"""Closed lists of customers. Labels are English message ids."""

from __future__ import annotations

from core.sdk.hooks import CodeTable

PERSON = "P"
KINDS = {"P": "Person", "C": "Company", "F": "Financial institution", "I": "Individual business"}
STATUSES = {
    "PROSPECT": "Prospect",
    "ACTIVE": "Active",
    "DORMANT": "Dormant",
    "CLOSED": "Closed",
    "MERGED": "Merged",
}
GENDERS = {"0": "Unknown", "1": "Male", "2": "Female", "9": "Not stated"}
CERT_TYPES = {
    "ID": "Resident identity card",
    "HMT": "Residence permit (Hong Kong, Macao, Taiwan)",
    "PR": "Permanent residence card",
    "PASSPORT": "Passport",
    "MILITARY": "Military identity card",
    "HOUSEHOLD": "Household register",
    "USCC": "Unified social credit code",
    "ORG": "Organisation code",
    "SSN": "Social security number",
}
PUBLIC_DOCUMENTS = frozenset({"USCC", "ORG"})
"""Numbers of organisations, which anybody may look up; all others are somebody's own."""
ACCOUNT_KINDS = {"demand": "Demand deposit", "term": "Term deposit", "loan": "Loan account", "other": "Other"}
ACCOUNT_STATUSES = {
    "NORMAL": "Normal",
    "ACTIVE": "Normal",
    "DORMANT": "Dormant",
    "FROZEN": "Frozen",
    "CLOSED": "Closed",
}
ROLES = {"OWNER": "Owner", "USER": "Authorised user"}
DIRECTIONS = {"C": "In", "D": "Out"}
LOAN_STATUSES = {
    "A": "Finished, repaid",
    "B": "Finished, unpaid",
    "C": "Running, in order",
    "D": "Running, in arrears",
    "NORMAL": "Normal",
    "OVERDUE": "Overdue",
    "SETTLED": "Settled",
}
SETTLED_LOANS = frozenset({"A", "SETTLED"})

TABLES = (
    CodeTable("customers.party_kind", "Customer kind", KINDS),
    CodeTable("customers.party_status", "Customer status", STATUSES),
    CodeTable("customers.gender", "Gender", GENDERS),
    CodeTable("customers.cert_type", "Document type", CERT_TYPES),
    CodeTable("customers.account_kind", "Account kind", ACCOUNT_KINDS),
    CodeTable("customers.account_status", "Account status", ACCOUNT_STATUSES),
    CodeTable("customers.account_role", "Role at an account", ROLES),
    CodeTable("customers.direction", "Direction", DIRECTIONS),
    CodeTable("customers.loan_status", "Loan status", LOAN_STATUSES),
)
