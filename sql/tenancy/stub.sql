CREATE FUNCTION vend.current_user_id() RETURNS uuid LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$ BEGIN RETURN nullif(current_setting('app.current_user_id', true), '')::uuid; END $$;
CREATE FUNCTION vend.current_user_role() RETURNS text LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$ BEGIN RETURN (SELECT u.role FROM vend_staging.stg_users u WHERE u.id = vend.current_user_id()); END $$;
CREATE FUNCTION vend.visible_garages() RETURNS uuid[] LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$ BEGIN RETURN CASE vend.current_user_role()
    WHEN 'super_admin' THEN (SELECT array_agg(g.id) FROM vend_staging.stg_garages g)
    WHEN 'garage_admin' THEN (SELECT array_agg(a.garage_id) FROM vend_staging.stg_garage_admins a WHERE a.user_id = vend.current_user_id()) END; END $$;
CREATE FUNCTION vend.can_access_garage(uuid) RETURNS boolean LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$ BEGIN RETURN coalesce($1 = ANY (vend.visible_garages()), false); END $$;
