#include "files/judge.h"
void pdf_judge(struct judge *j, struct span content) {
    (void)j;
    (void)content;
}
void rtf_judge(struct judge *j, struct span content) {
    (void)j;
    (void)content;
}
void letter_judge(struct judge *j, struct span content) {
    (void)j;
    (void)content;
}
void tnef_judge(struct judge *j, struct span content) {
    (void)j;
    (void)content;
}
void cms_judge(struct judge *j, struct span content) {
    (void)j;
    (void)content;
}
void uu_judge(struct judge *j, struct span content) {
    (void)j;
    (void)content;
}
void polyglot_judge(struct judge *j, enum format f, struct span content) {
    (void)j;
    (void)content;
    (void)f;
}
