"""Tables of the simulated finance."""

SCHEMA = """
CREATE TABLE IF NOT EXISTS finance_message (message_id TEXT PRIMARY KEY, at REAL NOT NULL);
CREATE INDEX IF NOT EXISTS finance_message_at ON finance_message (at);
CREATE TABLE IF NOT EXISTS finance_booked (
  bill_code TEXT, number TEXT, unit TEXT, accounted INTEGER NOT NULL, fen INTEGER NOT NULL, at REAL NOT NULL,
  PRIMARY KEY (bill_code, number, unit));
CREATE TABLE IF NOT EXISTS finance_segment (
  bill_code TEXT, first INTEGER, last INTEGER, PRIMARY KEY (bill_code, first));
CREATE TABLE IF NOT EXISTS finance_bill (
  bill_code TEXT, number TEXT, serial TEXT NOT NULL, check_code TEXT NOT NULL, message_no TEXT NOT NULL,
  content BLOB NOT NULL, signed BLOB NOT NULL, unit_element BLOB NOT NULL, seal TEXT NOT NULL,
  state TEXT NOT NULL, received_at REAL NOT NULL, due_at REAL NOT NULL, supervised_at REAL, element BLOB,
  attempts INTEGER NOT NULL, PRIMARY KEY (bill_code, number));
CREATE TABLE IF NOT EXISTS finance_effect (bill_code TEXT, number TEXT, at REAL NOT NULL);
CREATE INDEX IF NOT EXISTS finance_effect_bill ON finance_effect (bill_code, number);
CREATE TABLE IF NOT EXISTS finance_setting (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS finance_application (
  apply_no TEXT PRIMARY KEY, agency TEXT NOT NULL, bill_code TEXT NOT NULL, quantity INTEGER NOT NULL,
  reason TEXT NOT NULL, status TEXT NOT NULL, approved INTEGER, opinion TEXT NOT NULL, received_at REAL NOT NULL,
  decided_at REAL, attempts INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS finance_grant (
  segment_id TEXT PRIMARY KEY, agency TEXT NOT NULL, bill_code TEXT NOT NULL, first INTEGER NOT NULL,
  last INTEGER NOT NULL, count INTEGER NOT NULL, apply_no TEXT NOT NULL, issued_at REAL NOT NULL,
  confirmed INTEGER, operator TEXT NOT NULL, opinion TEXT NOT NULL, attempts INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS finance_return (
  return_no TEXT PRIMARY KEY, bill_code TEXT NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL,
  reason TEXT NOT NULL, status TEXT NOT NULL, opinion TEXT NOT NULL, received_at REAL NOT NULL,
  attempts INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS finance_sheet (
  paper_code TEXT, paper_number TEXT, bill_code TEXT NOT NULL, number TEXT NOT NULL, operator TEXT NOT NULL,
  at TEXT NOT NULL, ended_at TEXT, reason TEXT NOT NULL, attempts INTEGER NOT NULL,
  PRIMARY KEY (paper_code, paper_number));
CREATE TABLE IF NOT EXISTS finance_void (
  void_no TEXT PRIMARY KEY, agency TEXT NOT NULL, bill_code TEXT NOT NULL, first INTEGER NOT NULL,
  last INTEGER NOT NULL, reason TEXT NOT NULL, attempts INTEGER NOT NULL);
"""
