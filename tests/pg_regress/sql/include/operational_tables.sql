-- The nine tables in the current schema, with the columns that a source must or may have, and no constraints but the keys:
-- the tests need rows that constraints would keep out.
CREATE TABLE users (id uuid PRIMARY KEY, first_name varchar(255), last_name varchar(255), email varchar(255), phone varchar(50),
    stripe_customer_id varchar(255), role varchar(20), created_at timestamp, updated_at timestamp);
CREATE TABLE garages (id uuid PRIMARY KEY, name varchar(255), address varchar(500), capacity int, stripe_account_id varchar(255),
    created_at timestamp, updated_at timestamp);
CREATE TABLE passes (id uuid PRIMARY KEY, garage_id uuid, name varchar(255), description varchar(1000),
    stripe_product_id varchar(255), stripe_price_id varchar(255), monthly_amount numeric(10,2), active boolean,
    created_at timestamp, updated_at timestamp);
CREATE TABLE subscriptions (id uuid PRIMARY KEY, stripe_subscription_id varchar(255), user_id uuid, garage_id uuid, pass_id uuid,
    stripe_price_id varchar(255), status varchar(20), current_period_start timestamp, current_period_end timestamp,
    cancel_at_period_end boolean, canceled_at timestamp, monthly_amount numeric(10,2), renewal_status varchar(50),
    renewal_attempted_at timestamp, next_renewal_date timestamp, created_at timestamp, updated_at timestamp);
CREATE TABLE payments (id uuid PRIMARY KEY, stripe_payment_intent_id varchar(255), subscription_id uuid, garage_id uuid,
    amount numeric(10,2), stripe_fee numeric(10,2), net_amount numeric(10,2), status varchar(20), currency varchar(3),
    payment_date timestamp, created_at timestamp, updated_at timestamp);
CREATE TABLE pass_price_history (id uuid PRIMARY KEY, pass_id uuid, old_price numeric(10,2), new_price numeric(10,2),
    old_stripe_price_id varchar(255), new_stripe_price_id varchar(255), changed_by varchar(255), change_reason text,
    effective_date timestamp, created_at timestamp);
CREATE TABLE garage_admins (id uuid PRIMARY KEY, user_id uuid, garage_id uuid, assigned_by uuid, assigned_at timestamp,
    permissions jsonb, created_at timestamp);
CREATE TABLE parked (id uuid PRIMARY KEY, garage_id uuid, user_id uuid, pass_id uuid, vehicle_plate varchar(32),
    entered_at timestamp, exited_at timestamp, created_at timestamp);
CREATE TABLE garage_daily_occupancy (id uuid PRIMARY KEY, garage_id uuid, day timestamp, hourly_occupancy jsonb,
    created_at timestamp);
CREATE INDEX ON payments (garage_id, payment_date);
CREATE INDEX ON payments (garage_id, updated_at);
CREATE INDEX ON payments (subscription_id);
CREATE INDEX ON parked (garage_id, entered_at);
CREATE INDEX ON parked (garage_id, exited_at);
CREATE INDEX ON garage_daily_occupancy (garage_id, day);
