SELECT garage_id, day, pass_id, currency,
    sum(payments)::bigint AS payment_count,
    sum(amount) AS gross_revenue,
    sum(stripe_fee) AS total_stripe_fees,
    sum(platform_fee) AS total_platform_fees,
    sum(net_amount) - sum(refund) - sum(platform_fee) AS garage_profit,
    sum(refund) AS refunds
FROM vend_marts.payment_movements
WHERE garage_id IS NOT NULL AND day IS NOT NULL
GROUP BY garage_id, day, pass_id, currency
