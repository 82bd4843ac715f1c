-- Purpose: the ten tables of DReflowPro, as they are before their keys and before any optimization.
-- Oldest server version: 13.
-- Privilege: CREATE on the schema `public` of the current database.
-- Locks or scans: nothing; every object is new. Primary keys, unique constraints and foreign keys follow in constraints.sql, after
-- the data: building them once over a loaded table is several times faster than keeping them during the load.
--
-- Times are timestamptz, except in api_keys, whose model uses times without a zone. Nothing beside the primary keys and three
-- unique constraints (organizations.domain, users.email, api_keys.key_hash) is indexed: foreign keys are not, on purpose.

CREATE TYPE userrole AS ENUM ('admin', 'editor', 'viewer');
CREATE TYPE authmethod AS ENUM ('email', 'google', 'github', 'microsoft');
CREATE TYPE authprovider AS ENUM ('google', 'github', 'microsoft');
CREATE TYPE connectortype AS ENUM ('file_upload', 'database', 'api', 'webhook', 'csv', 'excel', 'json');
CREATE TYPE connectorstatus AS ENUM ('active', 'inactive', 'error', 'testing');
CREATE TYPE pipelinestatus AS ENUM ('draft', 'active', 'inactive', 'running', 'error');
CREATE TYPE executionstatus AS ENUM ('pending', 'running', 'completed', 'failed', 'cancelled');
CREATE TYPE transformationtype AS ENUM (
    'filter', 'map', 'aggregate', 'join', 'sort', 'deduplicate', 'validate', 'calculate', 'split', 'merge'
);

CREATE TABLE organizations (
    id uuid NOT NULL,
    name varchar(255) NOT NULL,
    domain varchar(255),
    plan_type varchar(50) DEFAULT 'free',
    usage_limits json,
    is_active boolean DEFAULT true,
    created_at timestamptz DEFAULT now(),
    updated_at timestamptz
);

CREATE TABLE users (
    id uuid NOT NULL,
    email varchar(255) NOT NULL,
    hashed_password varchar(255),
    first_name varchar(100),
    last_name varchar(100),
    avatar_url varchar(500),
    role userrole DEFAULT 'viewer',
    auth_method authmethod DEFAULT 'email',
    is_active boolean DEFAULT true,
    is_verified boolean DEFAULT false,
    organization_id uuid,
    provider_data json,
    last_login timestamptz,
    created_at timestamptz DEFAULT now(),
    updated_at timestamptz,
    mfa_enabled boolean DEFAULT false,
    mfa_secret varchar(255),
    mfa_backup_codes text[],
    mfa_enabled_at timestamptz,
    password_changed_at timestamptz,
    failed_login_attempts integer DEFAULT 0,
    locked_until timestamptz
);

CREATE TABLE social_accounts (
    id uuid NOT NULL,
    user_id uuid NOT NULL,
    provider authprovider NOT NULL,
    provider_account_id varchar(255) NOT NULL,
    provider_account_email varchar(255),
    access_token text,
    refresh_token text,
    expires_at timestamptz,
    token_type varchar(50) DEFAULT 'Bearer',
    scope varchar(500),
    raw_user_info json,
    is_primary boolean DEFAULT false,
    created_at timestamptz DEFAULT now(),
    updated_at timestamptz
);

CREATE TABLE api_keys (
    id varchar NOT NULL,
    user_id uuid NOT NULL,
    name varchar NOT NULL,
    key_hash varchar NOT NULL,
    key_type varchar NOT NULL,
    scopes json,
    rate_limit integer,
    expires_at timestamp,
    allowed_origins json,
    allowed_ips json,
    created_at timestamp DEFAULT now(),
    last_used_at timestamp,
    revoked_at timestamp,
    is_active boolean DEFAULT true,
    total_requests integer DEFAULT 0,
    failed_requests integer DEFAULT 0
);

CREATE TABLE data_connectors (
    id uuid NOT NULL,
    name varchar(255) NOT NULL,
    description text,
    type connectortype NOT NULL,
    status connectorstatus DEFAULT 'inactive',
    connection_config json,
    schema_info json,
    file_path varchar(500),
    file_size integer,
    file_type varchar(50),
    organization_id uuid,
    created_by_id uuid,
    last_tested timestamptz,
    last_used timestamptz,
    created_at timestamptz DEFAULT now(),
    updated_at timestamptz
);

CREATE TABLE data_previews (
    id uuid NOT NULL,
    connector_id uuid,
    preview_data json NOT NULL,
    row_count integer,
    column_info json,
    created_at timestamptz DEFAULT now()
);

CREATE TABLE etl_pipelines (
    id uuid NOT NULL,
    name varchar(255) NOT NULL,
    description text,
    status pipelinestatus DEFAULT 'draft',
    pipeline_config json,
    schedule_cron varchar(100),
    is_scheduled boolean DEFAULT false,
    next_run timestamptz,
    organization_id uuid,
    created_by_id uuid,
    tags json,
    version integer DEFAULT 1,
    created_at timestamptz DEFAULT now(),
    updated_at timestamptz
);

CREATE TABLE pipeline_steps (
    id uuid NOT NULL,
    pipeline_id uuid,
    step_order integer NOT NULL,
    step_type varchar(50) NOT NULL,
    step_name varchar(255) NOT NULL,
    step_config json NOT NULL,
    source_connector_id uuid,
    transformation_type transformationtype,
    transformation_config json,
    created_at timestamptz DEFAULT now()
);

CREATE TABLE pipeline_executions (
    id uuid NOT NULL,
    pipeline_id uuid,
    status executionstatus DEFAULT 'pending',
    started_at timestamptz,
    completed_at timestamptz,
    started_by_id uuid,
    rows_processed integer DEFAULT 0,
    rows_successful integer DEFAULT 0,
    rows_failed integer DEFAULT 0,
    execution_log text,
    error_log text,
    execution_metrics json,
    trigger_type varchar(50),
    trigger_data json,
    created_at timestamptz DEFAULT now()
);

CREATE TABLE transformation_templates (
    id uuid NOT NULL,
    name varchar(255) NOT NULL,
    description text,
    category varchar(100) NOT NULL,
    transformation_type transformationtype NOT NULL,
    template_config json NOT NULL,
    ui_config json NOT NULL,
    usage_count integer DEFAULT 0,
    is_active boolean DEFAULT true,
    created_at timestamptz DEFAULT now(),
    updated_at timestamptz
);
