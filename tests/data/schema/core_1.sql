-- core.db as the first schema left it in the middle of a session; never changed.
PRAGMA user_version = 1;
CREATE TABLE event (
        seq INTEGER PRIMARY KEY, evse INTEGER NOT NULL, utc REAL NOT NULL, body BLOB NOT NULL);
CREATE TABLE consumer (name TEXT PRIMARY KEY, seq INTEGER NOT NULL);
CREATE TABLE snapshot (evse INTEGER PRIMARY KEY, body BLOB NOT NULL);
INSERT INTO event VALUES (7, 1, 1763714100.5, CAST('{"uuid":"","event":"Enabled","timestamp":"2025-11-21T08:35:00.500Z"}' AS BLOB));
INSERT INTO event VALUES (8, 1, 1763714101.0, CAST('{"uuid":"4b1d","event":"SessionStarted","timestamp":"2025-11-21T08:35:01.000Z","session_started":{"reason":"EVConnected","meter_value":{"timestamp":"2025-11-21T08:35:01.000Z","energy_Wh_import":{"total":1000.0}}}}' AS BLOB));
INSERT INTO event VALUES (9, 1, 1763714102.0, CAST('{"uuid":"4b1d","event":"TransactionStarted","timestamp":"2025-11-21T08:35:02.000Z","transaction_started":{"id_tag":{"id_token":{"value":"04A1B2C3","type":"ISO14443"},"authorization_type":"RFID"},"meter_value":{"timestamp":"2025-11-21T08:35:02.000Z","energy_Wh_import":{"total":1000.0}}}}' AS BLOB));
INSERT INTO consumer VALUES ('ocpp', 8);
INSERT INTO snapshot VALUES (1, CAST('{"uuid":"4b1d","transaction":true,"token":{"id_token":{"value":"04A1B2C3","type":"ISO14443"},"authorization_type":"RFID"},"evse_disabled":false,"connector_disabled":false,"meter":{"timestamp":"2025-11-21T08:36:02.000Z","energy_Wh_import":{"total":1234.0}},"standing_trip":0,"boot_id":"boot"}' AS BLOB));
