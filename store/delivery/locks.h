#ifndef PH_STORE_DELIVERY_LOCKS_H
#define PH_STORE_DELIVERY_LOCKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * What deliveries of this process wait for: the same message for the same
 * mailbox (keys), and their turn at the disk (slots). Thread-safe.
 */

/* Identifies one message in one mailbox: 128 bits of SHA-256. */
struct ph_copy_key {
	uint64_t high, low;
};

/* nmid and mailbox are compared without case. */
struct ph_copy_key ph_copy_key_of(const char *nmid, const char *mailbox);
bool ph_copy_key_equal(struct ph_copy_key a, struct ph_copy_key b);

struct ph_locks;
struct ph_locks *ph_locks_new(void);
void ph_locks_free(struct ph_locks **locks);

/* Waits until nobody holds any of them, then holds all. Sorts the array in
 * place; equal ones are held once. False after timeout_ms: none is held. */
bool ph_locks_take(struct ph_locks *locks, struct ph_copy_key *list, size_t n,
		   int64_t timeout_ms);
/* The array as lock left it. */
void ph_locks_give(struct ph_locks *locks, const struct ph_copy_key *list,
		   size_t n);

struct ph_slots;
struct ph_slots *ph_slots_new(size_t n);
void ph_slots_free(struct ph_slots **slots);

/* From now on; those that are taken stay taken. */
void ph_slots_resize(struct ph_slots *slots, size_t n);

/* Waits for a free one, first come first served. False after timeout_ms. */
bool ph_slots_take(struct ph_slots *slots, int64_t timeout_ms);
void ph_slots_give(struct ph_slots *slots);

#endif
