-- The dashboard's newest orders.
SELECT id, status, total FROM orders ORDER BY created_at DESC LIMIT 50;
