-- A plan as every release of PostgreSQL words it, without what only some of them show.
CREATE FUNCTION pg_temp.plan(query text) RETURNS TABLE (plan text) LANGUAGE plpgsql AS $$
BEGIN
    FOR plan IN EXECUTE 'EXPLAIN (COSTS off) ' || query LOOP
        CONTINUE WHEN plan ~ '^\s*(Group Key|Params Evaluated|Disabled):';
        plan := regexp_replace(regexp_replace(plan, '\(InitPlan 1\)\.col1|\$0', 'garages', 'g'), ' \(returns garages\)', '');
        RETURN NEXT;
    END LOOP;
END $$;
