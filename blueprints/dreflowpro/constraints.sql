-- Purpose: keys of the ten tables, made after the data is loaded.
-- Oldest server version: 13.
-- Privilege: owner of the tables.
-- Locks or scans: takes an access exclusive lock on each table and reads it whole, once for each key; run it on a database that
-- nobody else uses yet.
--
-- Names are the ones that the server would choose by itself.

ALTER TABLE organizations ADD CONSTRAINT organizations_pkey PRIMARY KEY (id);
ALTER TABLE users ADD CONSTRAINT users_pkey PRIMARY KEY (id);
ALTER TABLE social_accounts ADD CONSTRAINT social_accounts_pkey PRIMARY KEY (id);
ALTER TABLE api_keys ADD CONSTRAINT api_keys_pkey PRIMARY KEY (id);
ALTER TABLE data_connectors ADD CONSTRAINT data_connectors_pkey PRIMARY KEY (id);
ALTER TABLE data_previews ADD CONSTRAINT data_previews_pkey PRIMARY KEY (id);
ALTER TABLE etl_pipelines ADD CONSTRAINT etl_pipelines_pkey PRIMARY KEY (id);
ALTER TABLE pipeline_steps ADD CONSTRAINT pipeline_steps_pkey PRIMARY KEY (id);
ALTER TABLE pipeline_executions ADD CONSTRAINT pipeline_executions_pkey PRIMARY KEY (id);
ALTER TABLE transformation_templates ADD CONSTRAINT transformation_templates_pkey PRIMARY KEY (id);

ALTER TABLE organizations ADD CONSTRAINT organizations_domain_key UNIQUE (domain);
ALTER TABLE users ADD CONSTRAINT users_email_key UNIQUE (email);
ALTER TABLE api_keys ADD CONSTRAINT api_keys_key_hash_key UNIQUE (key_hash);

ALTER TABLE users ADD CONSTRAINT users_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES organizations (id);
ALTER TABLE social_accounts ADD CONSTRAINT social_accounts_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id);
ALTER TABLE api_keys ADD CONSTRAINT api_keys_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id);
ALTER TABLE data_connectors ADD CONSTRAINT data_connectors_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES organizations (id);
ALTER TABLE data_connectors ADD CONSTRAINT data_connectors_created_by_id_fkey FOREIGN KEY (created_by_id) REFERENCES users (id);
ALTER TABLE data_previews ADD CONSTRAINT data_previews_connector_id_fkey FOREIGN KEY (connector_id) REFERENCES data_connectors (id);
ALTER TABLE etl_pipelines ADD CONSTRAINT etl_pipelines_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES organizations (id);
ALTER TABLE etl_pipelines ADD CONSTRAINT etl_pipelines_created_by_id_fkey FOREIGN KEY (created_by_id) REFERENCES users (id);
ALTER TABLE pipeline_steps ADD CONSTRAINT pipeline_steps_pipeline_id_fkey FOREIGN KEY (pipeline_id) REFERENCES etl_pipelines (id);
ALTER TABLE pipeline_steps ADD CONSTRAINT pipeline_steps_source_connector_id_fkey FOREIGN KEY (source_connector_id) REFERENCES data_connectors (id);
ALTER TABLE pipeline_executions ADD CONSTRAINT pipeline_executions_pipeline_id_fkey FOREIGN KEY (pipeline_id) REFERENCES etl_pipelines (id);
ALTER TABLE pipeline_executions ADD CONSTRAINT pipeline_executions_started_by_id_fkey FOREIGN KEY (started_by_id) REFERENCES users (id);
