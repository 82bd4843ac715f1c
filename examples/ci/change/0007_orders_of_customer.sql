-- The cure: serves the page of a customer's orders, in its order.
CREATE INDEX CONCURRENTLY orders_of_customer_idx ON orders (customer_id, created_at DESC);
