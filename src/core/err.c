#include "core/err.h"

#include <errno.h>

static const struct {
    enum sd_err err;
    enum sd_fault fault;
    const char *name;
    const char *text;
} errors[] = {{SD_OK, SD_FAULT_OURS, "ok", "done"},
#define X(name, number, fault, text) {SD_ERR_##name, SD_FAULT_##fault, #name, text},
              SD_ERR_LIST(X)
#undef X
};

const char *sd_err_name(enum sd_err err) {
    for (size_t i = 0; i < SD_COUNT(errors); i++)
        if (errors[i].err == err)
            return errors[i].name;
    return "unknown";
}

const char *sd_err_text(enum sd_err err) {
    for (size_t i = 0; i < SD_COUNT(errors); i++)
        if (errors[i].err == err)
            return errors[i].text;
    return "unknown error";
}

enum sd_fault sd_err_fault(enum sd_err err) {
    for (size_t i = 0; i < SD_COUNT(errors); i++)
        if (errors[i].err == err)
            return errors[i].fault;
    return SD_FAULT_OURS;
}

bool sd_err_known(int32_t number) {
    for (size_t i = 0; i < SD_COUNT(errors); i++)
        if ((int32_t)errors[i].err == number)
            return true;
    return false;
}

enum sd_err sd_err_from_errno(int error_number) {
    switch (error_number) {
    case ENOMEM:
        return SD_ERR_NOMEM;
    case ENOSPC:
    case EDQUOT:
        return SD_ERR_FULL;
    case EPIPE:
    case ECONNRESET:
    case ENOTCONN:
        return SD_ERR_CLOSED;
    case EAGAIN:
    case ETIMEDOUT:
        return SD_ERR_TIMEOUT;
    case ENOENT:
        return SD_ERR_NOTFOUND;
    case EEXIST:
        return SD_ERR_EXISTS;
    case EACCES:
    case EPERM:
        return SD_ERR_DENIED;
    default:
        return SD_ERR_IO;
    }
}
