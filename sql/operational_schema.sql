-- The operational tables of a parking platform, in the current schema: what vend.create_demo() fills and what an
-- application's own tables look like. A timestamp without time zone is UTC.
CREATE TYPE user_role AS ENUM ('user', 'garage_admin', 'super_admin');
CREATE TYPE subscription_status AS ENUM
    ('incomplete', 'incomplete_expired', 'trialing', 'active', 'past_due', 'canceled', 'unpaid', 'paused');
CREATE TYPE payment_status AS ENUM ('pending', 'succeeded', 'failed', 'refunded');

CREATE TABLE users (
    id uuid NOT NULL,
    first_name varchar(255),
    last_name varchar(255),
    email varchar(255),
    phone varchar(50),
    stripe_customer_id varchar(255),
    role user_role NOT NULL DEFAULT 'user',
    created_at timestamp NOT NULL,
    updated_at timestamp NOT NULL
);
CREATE TABLE garages (
    id uuid NOT NULL,
    name varchar(255) NOT NULL,
    address varchar(500),
    capacity int NOT NULL,
    stripe_account_id varchar(255),
    timezone text,
    created_at timestamp NOT NULL,
    updated_at timestamp NOT NULL
);
CREATE TABLE passes (
    id uuid NOT NULL,
    garage_id uuid NOT NULL,
    name varchar(255) NOT NULL,
    description varchar(1000),
    stripe_product_id varchar(255),
    stripe_price_id varchar(255),
    monthly_amount numeric(10,2) NOT NULL,
    active boolean NOT NULL,
    created_at timestamp NOT NULL,
    updated_at timestamp NOT NULL
);
CREATE TABLE subscriptions (
    id uuid NOT NULL,
    stripe_subscription_id varchar(255),
    user_id uuid NOT NULL,
    garage_id uuid NOT NULL,
    pass_id uuid NOT NULL,
    stripe_price_id varchar(255),
    status subscription_status NOT NULL,
    current_period_start timestamp,
    current_period_end timestamp,
    cancel_at_period_end boolean NOT NULL DEFAULT false,
    -- When the cancellation was asked for, which may be long before service ends.
    canceled_at timestamp,
    monthly_amount numeric(10,2) NOT NULL,
    renewal_status varchar(50),
    renewal_attempted_at timestamp,
    next_renewal_date timestamp,
    created_at timestamp NOT NULL,
    updated_at timestamp NOT NULL
);
CREATE TABLE payments (
    id uuid NOT NULL,
    stripe_payment_intent_id varchar(255),
    subscription_id uuid,
    garage_id uuid NOT NULL,
    amount numeric(10,2) NOT NULL,
    stripe_fee numeric(10,2) NOT NULL,
    -- Net of the Stripe fee only.
    net_amount numeric(10,2) NOT NULL,
    status payment_status NOT NULL,
    currency varchar(3) NOT NULL,
    payment_date timestamp NOT NULL,
    created_at timestamp NOT NULL,
    updated_at timestamp NOT NULL
);
CREATE TABLE pass_price_history (
    id uuid NOT NULL,
    pass_id uuid NOT NULL,
    old_price numeric(10,2),
    new_price numeric(10,2),
    old_stripe_price_id varchar(255),
    new_stripe_price_id varchar(255),
    changed_by varchar(255),
    change_reason text,
    effective_date timestamp NOT NULL,
    created_at timestamp NOT NULL
);
CREATE TABLE garage_admins (
    id uuid NOT NULL,
    user_id uuid NOT NULL,
    garage_id uuid NOT NULL,
    assigned_by uuid,
    assigned_at timestamp,
    permissions jsonb,
    created_at timestamp NOT NULL
);
CREATE TABLE parked (
    id uuid NOT NULL,
    garage_id uuid NOT NULL,
    user_id uuid,
    pass_id uuid,
    vehicle_plate varchar(32),
    entered_at timestamp NOT NULL,
    -- NULL: still parked, or the exit was never seen.
    exited_at timestamp,
    created_at timestamp NOT NULL
);
CREATE TABLE garage_daily_occupancy (
    id uuid NOT NULL,
    garage_id uuid NOT NULL,
    -- The garage's local date, at 00:00.
    day timestamp NOT NULL,
    -- One count for each hour since local midnight.
    hourly_occupancy jsonb NOT NULL,
    created_at timestamp NOT NULL
);

-- Keys and indexes: after the rows, where there are many.
ALTER TABLE users ADD PRIMARY KEY (id), ADD UNIQUE (email);
ALTER TABLE garages ADD PRIMARY KEY (id);
ALTER TABLE passes ADD PRIMARY KEY (id), ADD FOREIGN KEY (garage_id) REFERENCES garages;
ALTER TABLE subscriptions ADD PRIMARY KEY (id), ADD UNIQUE (stripe_subscription_id),
    ADD FOREIGN KEY (user_id) REFERENCES users, ADD FOREIGN KEY (garage_id) REFERENCES garages,
    ADD FOREIGN KEY (pass_id) REFERENCES passes;
ALTER TABLE payments ADD PRIMARY KEY (id), ADD UNIQUE (stripe_payment_intent_id),
    ADD FOREIGN KEY (subscription_id) REFERENCES subscriptions, ADD FOREIGN KEY (garage_id) REFERENCES garages;
ALTER TABLE pass_price_history ADD PRIMARY KEY (id), ADD FOREIGN KEY (pass_id) REFERENCES passes;
ALTER TABLE garage_admins ADD PRIMARY KEY (id), ADD FOREIGN KEY (user_id) REFERENCES users,
    ADD FOREIGN KEY (garage_id) REFERENCES garages, ADD FOREIGN KEY (assigned_by) REFERENCES users;
ALTER TABLE parked ADD PRIMARY KEY (id), ADD FOREIGN KEY (garage_id) REFERENCES garages,
    ADD FOREIGN KEY (user_id) REFERENCES users, ADD FOREIGN KEY (pass_id) REFERENCES passes;
ALTER TABLE garage_daily_occupancy ADD PRIMARY KEY (id), ADD FOREIGN KEY (garage_id) REFERENCES garages;
CREATE INDEX ON passes (garage_id);
CREATE INDEX ON subscriptions (garage_id);
CREATE INDEX ON subscriptions (user_id);
CREATE INDEX ON subscriptions (pass_id);
CREATE INDEX ON payments (garage_id, payment_date);
CREATE INDEX ON payments (garage_id, updated_at) WHERE status = 'refunded';
CREATE INDEX ON payments (subscription_id);
CREATE INDEX ON pass_price_history (pass_id);
CREATE INDEX ON garage_admins (user_id);
CREATE INDEX ON garage_admins (garage_id);
CREATE INDEX ON parked (garage_id, entered_at);
CREATE INDEX ON parked (garage_id, exited_at);
CREATE INDEX ON parked (garage_id) WHERE exited_at IS NULL;
CREATE INDEX ON garage_daily_occupancy (garage_id, day);
