"""Customers: who the bank serves, found, listed and seen from all sides."""
