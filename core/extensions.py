"""The Flask extensions, made once and bound to an app by ``create_app``."""

from __future__ import annotations

from flask_babel import Babel
from flask_login import LoginManager
from flask_sqlalchemy import SQLAlchemy
from flask_wtf import CSRFProtect

from core.db.base import CoreBase
from core.db.session import CrmSession

db = SQLAlchemy(model_class=CoreBase, session_options={"class_": CrmSession})
login = LoginManager()
babel = Babel()
csrf = CSRFProtect()
