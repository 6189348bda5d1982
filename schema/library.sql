-- The media library, for those who have no table of their own: made only by `mediasweep migrate --with-library`.
-- Columns are the origin's; the key is Cloudinary's (public id, resource type, delivery type).

DO $$
BEGIN
  IF to_regtype('public.media_sync_status') IS NULL THEN
    CREATE TYPE public.media_sync_status AS ENUM ('synced', 'pending', 'error');
  END IF;
END $$;

CREATE TABLE IF NOT EXISTS public.media_assets (
  id                     uuid          PRIMARY KEY DEFAULT gen_random_uuid(),
  cloudinary_public_id   varchar(500)  NOT NULL,
  cloudinary_version     bigint        NOT NULL DEFAULT 1,
  cloudinary_signature   varchar(255),
  cloudinary_etag        varchar(255),
  cloudinary_asset_id    varchar(64),
  delivery_type          varchar(50)   NOT NULL DEFAULT 'upload',
  original_filename      varchar(500),
  display_name           varchar(500),
  file_size              bigint        NOT NULL CHECK (file_size > 0),
  mime_type              varchar(100)  NOT NULL,
  format                 varchar(50),
  width                  integer       CHECK (width > 0),
  height                 integer       CHECK (height > 0),
  duration               decimal(10, 2),
  folder                 varchar(500),
  tags                   text[]        DEFAULT '{}',
  description            text,
  alt_text               varchar(500),
  secure_url             varchar(1000) NOT NULL,
  url                    varchar(1000) NOT NULL,
  thumbnail_url          varchar(1000),
  resource_type          varchar(50)   NOT NULL DEFAULT 'image' CHECK (resource_type IN ('image', 'video', 'raw')),
  access_mode            varchar(50)   DEFAULT 'public' CHECK (access_mode IN ('public', 'authenticated')),
  uploaded_by            uuid,
  used_in_personnel      bigint,
  used_in_documents      bigint,
  created_at             timestamptz   DEFAULT now(),
  updated_at             timestamptz   DEFAULT now(),
  cloudinary_created_at  timestamptz,
  sync_status            public.media_sync_status DEFAULT 'synced',
  last_synced_at         timestamptz,
  sync_error_message     text,
  sync_retry_count       integer       DEFAULT 0,
  deleted_at             timestamptz,
  deleted_by             uuid
);
CREATE UNIQUE INDEX IF NOT EXISTS media_assets_live_asset ON public.media_assets
  (cloudinary_public_id, resource_type, delivery_type) WHERE deleted_at IS NULL;
CREATE INDEX IF NOT EXISTS media_assets_asset_id ON public.media_assets (cloudinary_asset_id);  -- the guard's
-- what people look through: the newest first, a folder with what is below it, what was deleted
CREATE INDEX IF NOT EXISTS media_assets_newest ON public.media_assets (created_at DESC NULLS LAST, id DESC NULLS LAST) WHERE deleted_at IS NULL;
CREATE INDEX IF NOT EXISTS media_assets_folder ON public.media_assets (folder text_pattern_ops) WHERE deleted_at IS NULL;
CREATE INDEX IF NOT EXISTS media_assets_deleted ON public.media_assets (deleted_at, id) WHERE deleted_at IS NOT NULL;

ALTER TABLE public.media_assets ENABLE ROW LEVEL SECURITY;
DO $$
BEGIN
  IF NOT EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = 'public.media_assets'::regclass) THEN
    -- replace this with your own; until then only the owner and roles that bypass RLS see a row
    CREATE POLICY media_assets_deny_all ON public.media_assets USING (false);
  END IF;
  IF NOT EXISTS (SELECT FROM mediasweep.attached a
                  WHERE a.relation = 'public.media_assets'::regclass AND a.detached_at IS NULL) THEN
    PERFORM mediasweep.attach('public.media_assets', '{
      "public_id": "cloudinary_public_id", "resource_type": "resource_type", "delivery_type": "delivery_type",
      "asset_id": "cloudinary_asset_id", "version": "cloudinary_version", "original_filename": "original_filename",
      "file_size": "file_size", "folder": "folder", "deleted_at": "deleted_at"}');
  END IF;
END $$;
