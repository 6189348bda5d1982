-- A stand-in for the earlier system, as it stands in a database: its tables, triggers and functions by name, column, type and
-- right. What its functions do is cut down to what a take-over has to do with.

CREATE TYPE public.media_sync_status AS ENUM ('synced', 'pending', 'error');

CREATE TABLE public.media_assets (
  id                     uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  cloudinary_public_id   varchar(500) NOT NULL UNIQUE,
  cloudinary_version     integer NOT NULL DEFAULT 1,
  cloudinary_signature   varchar(255) NOT NULL,
  cloudinary_etag        varchar(255),
  original_filename      varchar(500),
  display_name           varchar(500),
  file_size              bigint NOT NULL CHECK (file_size > 0),
  mime_type              varchar(100) NOT NULL,
  format                 varchar(50) NOT NULL,
  width                  integer,
  height                 integer,
  duration               decimal(10, 2),
  folder                 varchar(500),
  tags                   text[] DEFAULT '{}',
  description            text,
  alt_text               varchar(500),
  secure_url             varchar(1000) NOT NULL,
  url                    varchar(1000) NOT NULL,
  thumbnail_url          varchar(1000),
  resource_type          varchar(50) NOT NULL DEFAULT 'image' CHECK (resource_type IN ('image', 'video', 'raw')),
  access_mode            varchar(50) DEFAULT 'public' CHECK (access_mode IN ('public', 'authenticated')),
  uploaded_by            uuid,
  used_in_personnel      bigint,
  used_in_documents      bigint,
  created_at             timestamptz DEFAULT now(),
  updated_at             timestamptz DEFAULT now(),
  cloudinary_created_at  timestamptz,
  sync_status            public.media_sync_status DEFAULT 'synced',
  last_synced_at         timestamptz DEFAULT now(),
  sync_error_message     text,
  sync_retry_count       integer DEFAULT 0,
  deleted_at             timestamptz,
  deleted_by             uuid
);
ALTER TABLE public.media_assets ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.media_assets REPLICA IDENTITY FULL;
CREATE POLICY "everybody sees what is there" ON public.media_assets FOR SELECT USING (deleted_at IS NULL);

CREATE TABLE public.cloudinary_cleanup_queue (
  id                    uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  cloudinary_public_id  varchar(500) NOT NULL,
  resource_type         varchar(50) NOT NULL DEFAULT 'image' CHECK (resource_type IN ('image', 'video', 'raw')),
  original_filename     varchar(500),
  file_size             bigint,
  folder                varchar(500),
  deletion_reason       varchar(100) NOT NULL,
  trigger_source        varchar(50) NOT NULL DEFAULT 'database' CHECK (trigger_source IN ('database', 'api', 'manual', 'trigger')),
  triggered_by          uuid,
  queued_at             timestamptz DEFAULT now(),
  processed_at          timestamptz,
  processing_attempts   integer DEFAULT 0,
  max_attempts          integer DEFAULT 3,
  status                varchar(20) DEFAULT 'pending' CHECK (status IN ('pending', 'processing', 'completed', 'failed', 'skipped')),
  cloudinary_response   jsonb,
  error_message         text,
  created_at            timestamptz DEFAULT now(),
  updated_at            timestamptz DEFAULT now()
);
ALTER TABLE public.cloudinary_cleanup_queue ENABLE ROW LEVEL SECURITY;
CREATE PUBLICATION supabase_realtime FOR TABLE public.media_assets, public.cloudinary_cleanup_queue;
CREATE INDEX idx_cleanup_queue_status ON public.cloudinary_cleanup_queue (status);
CREATE VIEW public.cleanup_overview AS SELECT status, count(*) AS n FROM public.cloudinary_cleanup_queue GROUP BY status;

CREATE FUNCTION public.touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.updated_at := now(); RETURN NEW; END';
CREATE TRIGGER update_media_assets_updated_at BEFORE UPDATE ON public.media_assets
  FOR EACH ROW EXECUTE FUNCTION public.touch();

CREATE FUNCTION public.queue_cloudinary_cleanup(
  public_id text, resource_type text DEFAULT 'image', original_filename text DEFAULT NULL, file_size bigint DEFAULT NULL,
  folder text DEFAULT NULL, deletion_reason text DEFAULT 'database_deletion', trigger_source text DEFAULT 'database',
  triggered_by_user text DEFAULT NULL) RETURNS uuid
LANGUAGE sql SECURITY DEFINER
AS $$
  INSERT INTO public.cloudinary_cleanup_queue (cloudinary_public_id, resource_type, deletion_reason, trigger_source)
  VALUES ($1, $2, $6, $7) RETURNING id
$$;

-- as its design has it: what a row lets go of is queued
CREATE FUNCTION public.trigger_cloudinary_cleanup() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
AS $$
BEGIN
  IF TG_OP = 'DELETE' OR (OLD.deleted_at IS NULL AND NEW.deleted_at IS NOT NULL) THEN
    PERFORM public.queue_cloudinary_cleanup(OLD.cloudinary_public_id, OLD.resource_type, trigger_source => 'trigger');
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER media_assets_cleanup_trigger AFTER DELETE OR UPDATE ON public.media_assets
  FOR EACH ROW EXECUTE FUNCTION public.trigger_cloudinary_cleanup();

CREATE FUNCTION public.get_pending_cleanup_items(limit_count integer DEFAULT 10) RETURNS TABLE (id uuid, public_id varchar)
LANGUAGE plpgsql SECURITY DEFINER
AS $$
BEGIN
  RETURN QUERY SELECT q.id, q.cloudinary_public_id FROM cloudinary_cleanup_queue q WHERE q.status = 'pending' LIMIT limit_count;
END $$;

CREATE FUNCTION public.update_cleanup_queue_status(
  queue_id uuid, new_status text, cloudinary_response jsonb DEFAULT NULL, error_msg text DEFAULT NULL) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER
AS $$
BEGIN
  UPDATE cloudinary_cleanup_queue SET status = new_status WHERE id = queue_id;
  RETURN FOUND;
END $$;

CREATE FUNCTION public.soft_delete_media_asset(asset_id text, deleted_by_user text DEFAULT NULL) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER
AS $$
BEGIN
  UPDATE public.media_assets SET deleted_at = now() WHERE cloudinary_public_id = asset_id AND deleted_at IS NULL;
  RETURN FOUND;
END $$;

CREATE FUNCTION public.execute_setup_sql(sql_statements text[]) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER
AS $$
BEGIN
  EXECUTE sql_statements[1];
  RETURN true;
END $$;

GRANT USAGE ON SCHEMA public TO anon, authenticated, service_role;
GRANT ALL ON ALL TABLES IN SCHEMA public TO anon, authenticated, service_role;
GRANT EXECUTE ON FUNCTION public.soft_delete_media_asset(text, text) TO authenticated;
