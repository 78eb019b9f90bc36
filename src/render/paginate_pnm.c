#include "render/paginate.h"

#include <stdlib.h>

#define CHANNELS_MAX 4

struct image {
    uint32_t width, height, channels; /* grey; grey, alpha; red, green, blue; the same, alpha */
};

/* A decimal number after white space and comments. */
static bool read_number(FILE *from, uint32_t *ret) {
    int c = getc(from);
    while (c == ' ' || c == '\n' || c == '\t' || c == '\r' || c == '#') {
        while (c == '#' && (c = getc(from)) != '\n' && c != EOF)
            c = '#';
        c = getc(from);
    }
    uint32_t v = 0;
    bool any = false;
    for (; c >= '0' && c <= '9' && v < 1000000; c = getc(from)) {
        v = v * 10 + (uint32_t)(c - '0');
        any = true;
    }
    *ret = v;
    return any; /* and one character behind it is taken, as the formats want it */
}

static bool read_ppm_head(FILE *from, struct image *ret) {
    uint32_t largest;
    ret->channels = 3;
    return read_number(from, &ret->width) && read_number(from, &ret->height) && read_number(from, &largest) && largest == 255;
}

static bool read_pam_head(FILE *from, struct image *ret) {
    char line[64];
    uint32_t largest = 0;
    *ret = (struct image){0};
    while (fgets(line, sizeof line, from)) {
        if (strcmp(line, "ENDHDR\n") == 0)
            return ret->channels >= 1 && ret->channels <= CHANNELS_MAX && largest == 255;
        (void)(sscanf(line, "WIDTH %u", &ret->width) == 1 || sscanf(line, "HEIGHT %u", &ret->height) == 1 ||
               sscanf(line, "DEPTH %u", &ret->channels) == 1 || sscanf(line, "MAXVAL %u", &largest) == 1);
    }
    return false;
}

/* SD_ERR_NOTFOUND: there is no further image. */
static enum sd_err read_head(FILE *from, struct image *ret) {
    int c = getc(from);
    if (c == EOF)
        return SD_ERR_NOTFOUND;
    int kind = getc(from);
    bool whole = c == 'P' && (kind == '6' ? read_ppm_head(from, ret) : kind == '7' && read_pam_head(from, ret));
    return whole && ret->width > 0 && ret->height > 0 && ret->width <= STREAM_SIDE_MAX && ret->height <= STREAM_SIDE_MAX
               ? SD_OK
               : SD_ERR_PARSE;
}

static void to_rgb(const uint8_t *from, uint32_t channels, uint8_t rgb[3]) {
    bool grey = channels <= 2;
    uint32_t alpha = channels == 2 ? from[1] : channels == 4 ? from[3] : 255;
    for (int i = 0; i < 3; i++)
        rgb[i] = (uint8_t)((from[grey ? 0 : i] * alpha + 255 * (255 - alpha)) / 255);
}

/* Rows that are missing are white: the page has been begun. */
static enum sd_err copy_rows(FILE *from, const struct image *image) {
    size_t row = (size_t)image->width * image->channels;
    uint8_t *in = malloc(row), *out = malloc((size_t)image->width * 3);
    enum sd_err err = in && out ? SD_OK : SD_ERR_NOMEM;
    for (uint32_t y = 0; y < image->height && err != SD_ERR_NOMEM; y++) {
        if (err == SD_OK && fread(in, 1, row, from) != row)
            err = SD_ERR_PARSE;
        if (err)
            memset(in, 255, row);
        for (uint32_t x = 0; x < image->width; x++)
            to_rgb(in + (size_t)x * image->channels, image->channels, out + (size_t)x * 3);
        send_rows(out, (size_t)image->width * 3);
    }
    free(in);
    free(out);
    return err;
}

enum sd_err pages_from_pnm(struct paginate *p, FILE *from) {
    struct image image;
    enum sd_err err = read_head(from, &image);
    while (err == SD_OK) {
        if (!send_page(p, image.width, image.height))
            return SD_OK;
        err = copy_rows(from, &image);
        if (err == SD_OK)
            err = read_head(from, &image);
    }
    return err == SD_ERR_NOTFOUND ? SD_OK : err;
}
