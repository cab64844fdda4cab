CREATE AGGREGATE vend.mrr(
    monthly_amount numeric, valid_from timestamptz, valid_to timestamptz, at timestamptz
) (
    SFUNC = vend_internal.mrr_accum, STYPE = internal, SSPACE = 64,
    COMBINEFUNC = vend_internal.mrr_combine,
    SERIALFUNC = vend_internal.mrr_serial, DESERIALFUNC = vend_internal.mrr_deserial,
    FINALFUNC = vend_internal.mrr_final, PARALLEL = SAFE
);
COMMENT ON AGGREGATE vend.mrr(numeric, timestamptz, timestamptz, timestamptz) IS
    'Monthly recurring revenue at an instant: the sum of the amounts with valid_from <= at < valid_to; 0 if there is none. '
    'A NULL valid_to has no end; any other NULL, and an amount of 0 or less, skips the row. '
    '22003: NaN, an infinity, or more than 38 digits.';
