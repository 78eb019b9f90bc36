/* assets.h - files of web/ and docs/openapi.yaml (as JSON), embedded at build time by embed.py. */
#ifndef SD_DESK_ASSETS_H
#define SD_DESK_ASSETS_H

#include "core/span.h"

struct span asset_index(void);
struct span asset_script(void);
struct span asset_sender_script(void);
struct span asset_access_script(void);
struct span asset_account_script(void);
struct span asset_files_script(void);
struct span asset_style(void);
struct span asset_icon(void);
struct span asset_openapi(void);

#endif
