-- Who signs in.
SELECT id, created_at FROM customers WHERE email = $1;
