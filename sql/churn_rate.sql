CREATE AGGREGATE vend.churn_rate(
    valid_from timestamptz, valid_to timestamptz, period_start timestamptz, period_end timestamptz
) (
    SFUNC = vend_internal.churn_rate_accum, STYPE = internal, SSPACE = 64,
    COMBINEFUNC = vend_internal.churn_rate_combine,
    SERIALFUNC = vend_internal.churn_rate_serial, DESERIALFUNC = vend_internal.churn_rate_deserial,
    FINALFUNC = vend_internal.churn_rate_final, PARALLEL = SAFE
);
COMMENT ON AGGREGATE vend.churn_rate(timestamptz, timestamptz, timestamptz, timestamptz) IS
    'Percent of the rows paid just before period_start that are not paid just before period_end; NULL if none was. '
    'A NULL valid_to is still paid; any other NULL skips the row. Counts rows, not customers. 22023: empty period.';
