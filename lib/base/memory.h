#ifndef PH_BASE_MEMORY_H
#define PH_BASE_MEMORY_H

/*
 * Blocks of a megabyte and more go back to the system when they are freed. By
 * itself glibc raises that limit to the largest block that was ever freed, and
 * a process keeps what one large message took. At the start of a process.
 */
void ph_memory_give_back(void);

#endif
