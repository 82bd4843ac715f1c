-- What a pull request adds: the page of a customer's orders. No index leads with customer_id.
SELECT id, status, total FROM orders WHERE customer_id = $1 ORDER BY created_at DESC LIMIT 20;
