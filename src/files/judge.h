/*
 * judge.h - one judgement under way, inside the files library: what was found, what may still be spent. Every reader of a
 * format gets the judgement and adds to its findings; judge_goes_on() is asked in every loop whose length the file chooses.
 */
#ifndef SD_FILES_JUDGE_H
#define SD_FILES_JUDGE_H

#include "files/files.h"
#include "files/format.h"

/* Frames of the stack; whatever is configured. */
#define JUDGE_DEPTH_MAX 64

struct judge {
    struct files *files;
    struct files_budget *budget;
    uint64_t findings;
    uint32_t depth;  /* containers around what is judged now */
    bool in_office;  /* what is judged now is a part of an Office document */
    enum sd_err err; /* ours */
};

void judge_found(struct judge *j, uint64_t findings);
void judge_fail(struct judge *j, enum sd_err err); /* ours: ends everything */
/* False: out of time, out of bytes or entries, or failed. The finding is made. */
bool judge_goes_on(struct judge *j);
/* One more entry of a container; false: there were too many. */
bool judge_entry(struct judge *j);
/* So many bytes were unpacked; false: too many. */
bool judge_unpacked(struct judge *j, uint64_t bytes);
/* A file within a container: name and content as of any other. The caller has counted the entry. */
void judge_file(struct judge *j, const struct files_subject *subject);
/* The same for content without a type. */
void judge_content(struct judge *j, struct span name, struct span content);

/* One container's unpacking, for its ratio. */
struct unpacking {
    struct judge *judge;
    uint64_t packed, unpacked;
};
/* Counts against the budget and the ratio; false: enough. */
bool unpacking_grew(struct unpacking *u, uint64_t bytes);
/* How many bytes at most may still come out. */
uint64_t unpacking_room(const struct unpacking *u);
/* What went wrong with a buffer that is unpacked into: its maximum is a limit of the file, no memory is ours. */
void unpacking_failed(struct unpacking *u, const struct buf *to);
enum inflate_kind { INFLATE_RAW, INFLATE_ZLIB };
/*
 * Appends what a deflate stream gives. False when it does not end within packed, or a limit was reached (a finding then).
 * to is made by the caller with a maximum above unpacking_room().
 */
bool unpacking_inflate(struct unpacking *u, struct span packed, enum inflate_kind kind, struct buf *to);

/* The readers; each adds findings. */
bool zip_is_document(struct span content); /* of OOXML or ODF */
void zip_judge(struct judge *j, const struct files_subject *subject);
void archive_judge(struct judge *j, const struct files_subject *subject, enum format format);
void ole_judge(struct judge *j, struct span content);
void pdf_judge(struct judge *j, struct span content);
void rtf_judge(struct judge *j, struct span content);
void page_judge(struct judge *j, struct span content); /* HTML, SVG, XHTML */
bool xml_is_page(struct span content);                 /* XML with elements that a browser acts on */
void xml_judge(struct judge *j, struct span content);
void sheet_judge_csv(struct judge *j, struct span content);
void sheet_judge_sylk(struct judge *j, struct span content);
void biff_judge(struct judge *j, struct span stream);
void letter_judge(struct judge *j, struct span content);
void tnef_judge(struct judge *j, struct span content);
void cms_judge(struct judge *j, struct span content);
void uu_judge(struct judge *j, struct span text); /* uuencoded files within text */
void polyglot_judge(struct judge *j, enum format format, struct span content);
void active_mime_judge(struct judge *j, struct span content);

#endif
