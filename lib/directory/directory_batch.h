#ifndef PH_DIRECTORY_DIRECTORY_BATCH_H
#define PH_DIRECTORY_DIRECTORY_BATCH_H

#include "lib/directory/directory.h"

#include <glib.h>

/*
 * For a piece of work that looks up many addresses: a directory over another
 * one that is told beforehand what will be asked, and asks it for many at once
 * where that is cheaper. Whatever it was not told of, or could not learn, is
 * looked up when it is asked for. Not thread-safe.
 */
struct ph_batch;

/* The inner one is borrowed. */
struct ph_batch *ph_batch_new(struct ph_directory *inner);
void ph_batch_free(struct ph_batch **batch); /* NULL is fine */

/* Borrowed. */
struct ph_directory *ph_batch_directory(struct ph_batch *batch);

/* Adds answers about addresses (char *, of NULL no notice is taken). */
void ph_batch_ask(struct ph_batch *batch, const char *const *addresses,
		  size_t n);

/* An entry that it was asked about; borrowed until the next ph_batch_forget;
 * NULL: not known yet, or nobody. */
const struct ph_object *ph_batch_entry(const struct ph_batch *batch,
				       const char *address);

/* What it holds takes memory. */
void ph_batch_forget(struct ph_batch *batch);

#endif
