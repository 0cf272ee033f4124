#ifndef PH_DIRECTORY_DIRECTORY_H
#define PH_DIRECTORY_DIRECTORY_H

#include "lib/base/conf.h"
#include "lib/base/err.h"
#include "lib/state/object.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Who is this address? One interface for every source of recipients. An entry
 * is an object of the kind "recipient"; other sources map their attributes to
 * its fields. Thread-safe.
 */
struct ph_directory;

/* Where an answer comes from, "nobody has it" as well. */
struct ph_found {
	const char *source; /* static: the name of the back end */
	int64_t age;	    /* ms since the source said so; 0: asked just now,
			     * or a copy that is kept equal to it */
	bool stale;	    /* older than it should be: the source cannot say */
};

/* What is said of one of many addresses: as ph_directory_find_from. */
struct ph_directory_answer {
	int r;
	struct ph_object *entry; /* of 1: the caller's to unref */
	struct ph_found found;
	struct ph_err err; /* of -1 */
};

/* Told of one entry: 0 goes on, -1 with err ends the walk. */
typedef int ph_directory_each(const struct ph_object *entry, void *arg,
			      struct ph_err *err);

/*
 * Where mail for an address is delivered, of a mailbox that does not forward
 * it: what the maps ask of nearly every recipient.
 */
#define PH_BRIEF_SIZE 512
struct ph_brief {
	const char *primary, *database; /* in text */
	char text[PH_BRIEF_SIZE];
};

/* A back end: rows of this form are the only thing that differs. */
struct ph_directory_ops {
	const char *name; /* of [directory] type, or of the twin */
	/* As ph_directory_find_from, address already folded; *found_r is set
	 * to the back end's name and an age of 0 before. */
	int (*find)(void *self, const char *address, struct ph_object **entry_r,
		    struct ph_found *found_r, struct ph_err *err);
	/* As ph_directory_brief; NULL: it knows no short way. */
	bool (*brief)(void *self, const char *address,
		      struct ph_brief *brief_r);
	/* As ph_directory_find_many, addresses already folded, answers set up
	 * as for find; NULL: they are asked for one by one. */
	void (*find_many)(void *self, const char *const *addresses, size_t n,
			  struct ph_directory_answer *answers);
	/* As ph_directory_excludes, all folded; NULL: not known. */
	int (*excludes)(void *self, const char *const *groups,
			const char *const *addresses, struct ph_err *err);
	/* As ph_directory_walk; NULL: it cannot. */
	int (*walk)(void *self, const struct ph_object *group,
		    ph_directory_each *each, void *arg, struct ph_err *err);
	void (*close)(void *self);
};

/* Takes self. */
struct ph_directory *ph_directory_new(const struct ph_directory_ops *ops,
				      void *self);
void ph_directory_close(struct ph_directory **directory);

/* The back end's name, static. */
const char *ph_directory_name(const struct ph_directory *directory);

/*
 * The entry that owns an address: its key, its PrimarySmtpAddress or one of
 * its EmailAddresses, compared without case. 1: *entry_r is the caller's to
 * unref. 0: certainly nobody has it. -1: cannot say: TEMP the source or the
 * file is not there or not complete yet; PERM two entries claim the address
 * (5.1.4).
 */
int ph_directory_find(struct ph_directory *directory, const char *address,
		      struct ph_object **entry_r, struct ph_err *err);
/* The same; *found_r says, of 1 and 0, where the answer comes from. */
int ph_directory_find_from(struct ph_directory *directory, const char *address,
			   struct ph_object **entry_r, struct ph_found *found_r,
			   struct ph_err *err);

/* The same as a find would say, in a fraction of its time. false: find has to
 * be asked, for whatever reason. */
bool ph_directory_brief(struct ph_directory *directory, const char *address,
			struct ph_brief *brief_r);

/*
 * About many addresses at once, at most PH_DIRECTORY_MANY: each answer is the
 * one that ph_directory_find_from gives, but that together they have no more
 * than twice the time of one and so more of them may be TEMP. A back end that
 * is far away needs few requests for them (directory_batch.h).
 */
#define PH_DIRECTORY_MANY ((size_t)100)
void ph_directory_find_many(struct ph_directory *directory,
			    const char *const *addresses, size_t n,
			    struct ph_directory_answer *answers_r);
/* Is it cheaper than one by one? */
bool ph_directory_takes_many(const struct ph_directory *directory);
void ph_directory_answers_clear(struct ph_directory_answer *answers, size_t n);

/*
 * Is it certain, without looking at all members, that somebody is in none of
 * the groups, nor in one inside them (members.h)? Both lists end with NULL;
 * addresses are all of somebody. 1: in none; 0: not known in this way; -1: TEMP
 * the source cannot say.
 */
int ph_directory_excludes(struct ph_directory *directory,
			  const char *const *groups,
			  const char *const *addresses, struct ph_err *err);

/*
 * All entries (group NULL), or those that a DynamicDistributionGroup holds now,
 * in no order. What changes meanwhile is told as it was, as it is, or not at
 * all. Left out is what is not in force: values that are not valid, keys that
 * differ in case alone. No lock or transaction is held while each is told, so
 * that it may take its time and look up. 0 or -1: TEMP the source cannot say,
 * after which what was told is a part at most; PERM the group's filter is not
 * valid, or each's own.
 */
int ph_directory_walk(struct ph_directory *directory,
		      const struct ph_object *group, ph_directory_each *each,
		      void *arg, struct ph_err *err);

/* PrimarySmtpAddress, else the first of EmailAddresses, else the key's name.
 * Borrowed. */
const char *ph_entry_primary(const struct ph_object *entry);

/* UserMailbox: has a Database to be delivered to. */
bool ph_entry_is_mailbox(const struct ph_object *entry);

/* ---- what the settings name --------------------------------------------- */

/*
 * [directory] type = redis: opens [directory] file read-only. Does not fail
 * when the file is not there yet: finds answer TEMP until posthub-policy has
 * written a complete one. type = ldap: looks into the file, and connects at
 * the first find that is not answered there. -1: PERM, the file is damaged, or
 * a setting is wrong.
 */
int ph_directory_open(const struct ph_conf *conf,
		      struct ph_directory **directory_r, struct ph_err *err);

/* The same for posthub-policy, if the directory is not fed: what LDAP answers
 * it is written to [directory] file, for all programs of the host. */
int ph_directory_open_writer(const struct ph_conf *conf,
			     struct ph_directory **directory_r,
			     struct ph_err *err);

/* The directory is the file, which a feeder (feeder.h) must keep. */
bool ph_directory_is_fed(const struct ph_conf *conf);

/* ---- twins ------------------------------------------------------------ */

/* In memory, for tests: takes references. */
struct ph_directory *ph_directory_memory(const struct ph_object *const *entries,
					 size_t n);

/* Every find is -1 with this kind and text (copied). */
struct ph_directory *ph_directory_failing(enum ph_err_kind kind,
					  const char *text);

#endif
