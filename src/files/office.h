/* office.h - documents of Office that are zip files: OOXML (ECMA-376) and ODF (ISO 26300). Inside the files library. */
#ifndef SD_FILES_OFFICE_H
#define SD_FILES_OFFICE_H

#include "files/judge.h"
#include "files/zip.h"

enum office_kind { OFFICE_NONE, OFFICE_OOXML, OFFICE_ODF, OFFICE_OTHER };
struct office {
    enum office_kind kind;
    uint64_t findings; /* of the package as such: programs for Java, Android, Windows */
    bool macro_sheet, auto_name;
};
struct office office_of(struct zip zip);
/* A name or type of Office's on an archive that is no document. */
uint64_t office_judge_name(const struct office *office, struct span name, struct span type);
void office_judge_part(struct office *office, struct judge *j, struct span name, struct span content);
void office_judge_end(const struct office *office, struct judge *j);

/* What is fetched from elsewhere. */
void office_judge_relationships(struct judge *j, struct span xml);
/* Fields of a Word document in XML, 2003's or later. */
void office_judge_fields(struct judge *j, struct span xml);

#endif
