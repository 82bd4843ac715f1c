"""Pulp, which reads these settings into its own."""

import os

from database_settings import DATABASES, SECRET_KEY

DB_ENCRYPTION_KEY = os.environ["PULP_KEY_FILE"]
CONTENT_ORIGIN = "http://localhost"
