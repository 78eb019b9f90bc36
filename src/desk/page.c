/* The page: static files, the same for everybody, holding nothing. */
#include "desk/assets.h"
#include "desk/desk.h"

static enum sd_err respond_asset(struct exchange *x, const char *type, struct span bytes) {
    x->response.status = 200;
    x->response.type = type;
    x->response.fixed = bytes;
    return SD_OK;
}

enum sd_err page_index(SD_UNUSED struct desk *desk, struct exchange *x) {
    return respond_asset(x, "text/html; charset=utf-8", asset_index());
}

enum sd_err page_script(SD_UNUSED struct desk *desk, struct exchange *x) {
    return respond_asset(x, "text/javascript; charset=utf-8", asset_script());
}

enum sd_err page_sender_script(SD_UNUSED struct desk *desk, struct exchange *x) {
    return respond_asset(x, "text/javascript; charset=utf-8", asset_sender_script());
}

enum sd_err page_access_script(SD_UNUSED struct desk *desk, struct exchange *x) {
    return respond_asset(x, "text/javascript; charset=utf-8", asset_access_script());
}

enum sd_err page_account_script(SD_UNUSED struct desk *desk, struct exchange *x) {
    return respond_asset(x, "text/javascript; charset=utf-8", asset_account_script());
}

enum sd_err page_files_script(SD_UNUSED struct desk *desk, struct exchange *x) {
    return respond_asset(x, "text/javascript; charset=utf-8", asset_files_script());
}

enum sd_err page_style(SD_UNUSED struct desk *desk, struct exchange *x) {
    return respond_asset(x, "text/css; charset=utf-8", asset_style());
}

enum sd_err page_icon(SD_UNUSED struct desk *desk, struct exchange *x) {
    return respond_asset(x, "image/svg+xml", asset_icon());
}
