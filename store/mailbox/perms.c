#include "store/mailbox/perms.h"

#include "lib/base/rights.h"
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

const struct ph_perms ph_perms_self = {NONE, NONE, 0600, 0700};

struct ph_perms_rule {
	struct ph_perms all;
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
parse_mode(const char *text, struct ph_perms *perms, struct ph_err *err)
{
	char *end;
	unsigned long mode = strtoul(text, &end, 8);

	if (!g_ascii_isdigit(*text) || *end || (mode & ~0666UL) ||
	    (mode & 0600) != 0600)
		return ph_err_set(err, PH_ERR_PERM,
				  "mailbox_mode: \"%s\": is not fit for mail; "
				  "expected 0600, 0640 or 0660",
				  text);
	perms->file = (mode_t)mode;
	perms->dir = (mode_t)(mode | (mode & 0444) >> 2);
	return 0;
}

/* Better told at the start than by every message. */
static int
check_right(const struct ph_perms_rule *rule, struct ph_err *err)
{
	bool other =
	    rule->user || (rule->all.uid != NONE && rule->all.uid != geteuid());

	if (!other || ph_rights_give())
		return 0;
	return ph_err_set(
	    err, PH_ERR_PERM,
	    "mailbox_user: this process may not give mailboxes to "
	    "another user; start the daemon as root, which then "
	    "keeps the right to, or set [server] user to that "
	    "user");
}

int
ph_perms_rule_parse(const char *user, const char *group, const char *mode,
		    struct ph_perms_rule **rule_r, struct ph_err *err)
{
	struct ph_perms_rule *rule = g_new0(struct ph_perms_rule, 1);

	if (parse_mode(mode, &rule->all, err) < 0 ||
	    parse_id("mailbox_user", user, find_user, &rule->all.uid,
		     &rule->user, err) < 0 ||
	    parse_id("mailbox_group", group, find_group, &rule->all.gid,
		     &rule->group, err) < 0 ||
	    check_right(rule, err) < 0) {
		ph_perms_rule_free(&rule);
		return -1;
	}
	if (rule->group || rule->all.gid != NONE)
		rule->all.dir |= S_ISGID;
	*rule_r = rule;
	return 0;
}

void
ph_perms_rule_free(struct ph_perms_rule **rule)
{
	if (!*rule)
		return;
	g_free((*rule)->user);
	g_free((*rule)->group);
	g_clear_pointer(rule, g_free);
}

const struct ph_perms *
ph_perms_rule_common(const struct ph_perms_rule *rule)
{
	return rule->user || rule->group ? NULL : &rule->all;
}

bool
ph_perms_rule_is_self(const struct ph_perms_rule *rule)
{
	const struct ph_perms *common = ph_perms_rule_common(rule);

	return common && ph_perms_equal(common, &ph_perms_self);
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
ph_perms_of(const struct ph_perms_rule *rule, const struct ph_object *entry,
	    struct ph_perms *perms_r, struct ph_err *err)
{
	*perms_r = rule->all;
	if (fill(rule->user, entry, &perms_r->uid, err) < 0)
		return -1;
	return fill(rule->group, entry, &perms_r->gid, err);
}

bool
ph_perms_equal(const struct ph_perms *a, const struct ph_perms *b)
{
	return a->uid == b->uid && a->gid == b->gid && a->file == b->file &&
	       a->dir == b->dir;
}

int
ph_perms_give(int fd, const struct ph_perms *perms, bool directory)
{
	const mode_t made = directory ? 0700 : 0600;
	const mode_t wanted = directory ? perms->dir : perms->file;

	if ((perms->uid != NONE || perms->gid != NONE) &&
	    fchown(fd, perms->uid, perms->gid) < 0)
		return -1;
	/* After it: giving away takes set-group-id from a file. */
	return wanted == made ? 0 : fchmod(fd, wanted);
}
