#include "store/mailbox/owner.h"

#include "lib/base/text.h"
#include "store/mailbox/place.h"

#include <errno.h>
#include <glib.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NONE ((unsigned)-1)

const struct ph_owner ph_owner_self = {NONE, NONE, 0600, 0700};

struct ph_owners {
	struct ph_owner all;
	char *user, *group; /* attributes; NULL: as in all */
};

/* ---- numbers ----------------------------------------------------------- */

/* 0 is not for a directory to give, which others may write to. */
static bool
parse_number(const char *text, unsigned *number_r)
{
	struct ph_err ignored = PH_ERR_INIT;
	int64_t number;

	if (ph_parse_int(text, &number, &ignored) < 0 || number <= 0 ||
	    number >= NONE)
		return false;
	*number_r = (unsigned)number;
	return true;
}

static bool
find_user(const char *name, unsigned *id_r)
{
	char buffer[4096];
	struct passwd entry, *found = NULL;

	if (getpwnam_r(name, &entry, buffer, sizeof(buffer), &found) != 0 ||
	    !found)
		return false;
	*id_r = found->pw_uid;
	return true;
}

static bool
find_group(const char *name, unsigned *id_r)
{
	char buffer[16384];
	struct group entry, *found = NULL;

	if (getgrnam_r(name, &entry, buffer, sizeof(buffer), &found) != 0 ||
	    !found)
		return false;
	*id_r = found->gr_gid;
	return true;
}

/* ---- parsing ----------------------------------------------------------- */

static int
parse_id(const char *setting, const char *text,
	 bool (*find)(const char *name, unsigned *id_r), unsigned *id_r,
	 char **attribute_r, struct ph_err *err)
{
	*id_r = NONE;
	if (!*text)
		return 0;
	*attribute_r = ph_place_attribute(text);
	if (*attribute_r || parse_number(text, id_r) || find(text, id_r))
		return 0;
	return ph_err_set(err, PH_ERR_PERM,
			  "%s: \"%s\": there is none; expected a name, a "
			  "number or {attribute}",
			  setting, text);
}

static int
parse_mode(const char *text, struct ph_owner *owner, struct ph_err *err)
{
	char *end;
	unsigned long mode = strtoul(text, &end, 8);

	if (!g_ascii_isdigit(*text) || *end || (mode & ~0666UL) ||
	    (mode & 0600) != 0600)
		return ph_err_set(err, PH_ERR_PERM,
				  "mailbox_mode: \"%s\": is not fit for mail; "
				  "expected 0600, 0640 or 0660",
				  text);
	owner->file = (mode_t)mode;
	owner->dir = (mode_t)(mode | (mode & 0444) >> 2);
	return 0;
}

/* Giving a file away takes CAP_CHOWN, and then getting at it CAP_DAC_OVERRIDE:
 * better told at the start than by every message. */
static int
check_right(const struct ph_owners *owners, struct ph_err *err)
{
	bool other = owners->user ||
		     (owners->all.uid != NONE && owners->all.uid != geteuid());

	if (!other || geteuid() == 0)
		return 0;
	return ph_err_set(err, PH_ERR_PERM,
			  "mailbox_user: only root may give mailboxes to "
			  "another user; set [server] user to that user, or to "
			  "nothing, so that the daemon stays root");
}

int
ph_owners_parse(const char *user, const char *group, const char *mode,
		struct ph_owners **owners_r, struct ph_err *err)
{
	struct ph_owners *owners = g_new0(struct ph_owners, 1);

	if (parse_mode(mode, &owners->all, err) < 0 ||
	    parse_id("mailbox_user", user, find_user, &owners->all.uid,
		     &owners->user, err) < 0 ||
	    parse_id("mailbox_group", group, find_group, &owners->all.gid,
		     &owners->group, err) < 0 ||
	    check_right(owners, err) < 0) {
		ph_owners_free(&owners);
		return -1;
	}
	if (owners->group || owners->all.gid != NONE)
		owners->all.dir |= S_ISGID;
	*owners_r = owners;
	return 0;
}

void
ph_owners_free(struct ph_owners **owners)
{
	if (!*owners)
		return;
	g_free((*owners)->user);
	g_free((*owners)->group);
	g_clear_pointer(owners, g_free);
}

bool
ph_owners_are_self(const struct ph_owners *owners)
{
	return !owners->user && !owners->group &&
	       ph_owner_equal(&owners->all, &ph_owner_self);
}

/* ---- one mailbox's ----------------------------------------------------- */

static int
fill(const char *attribute, const struct ph_object *entry, unsigned *id,
     struct ph_err *err)
{
	const char *text;

	if (!attribute)
		return 0;
	text = entry ? ph_object_text(entry, attribute) : NULL;
	if (text && parse_number(text, id))
		return 0;
	errno = EINVAL;
	return ph_err_set(err, PH_ERR_TEMP,
			  "%s of the recipient is %s: it must be a number, "
			  "which owns the mailbox",
			  attribute, text ? text : "not set");
}

int
ph_owner_of(const struct ph_owners *owners, const struct ph_object *entry,
	    struct ph_owner *owner_r, struct ph_err *err)
{
	*owner_r = owners->all;
	if (fill(owners->user, entry, &owner_r->uid, err) < 0)
		return -1;
	return fill(owners->group, entry, &owner_r->gid, err);
}

bool
ph_owner_equal(const struct ph_owner *a, const struct ph_owner *b)
{
	return a->uid == b->uid && a->gid == b->gid && a->file == b->file &&
	       a->dir == b->dir;
}

int
ph_owner_give(int fd, const struct ph_owner *owner, bool directory)
{
	const mode_t made = directory ? 0700 : 0600;
	const mode_t wanted = directory ? owner->dir : owner->file;

	if ((owner->uid != NONE || owner->gid != NONE) &&
	    fchown(fd, owner->uid, owner->gid) < 0)
		return -1;
	/* After it: giving away takes set-group-id from a file. */
	return wanted == made ? 0 : fchmod(fd, wanted);
}
