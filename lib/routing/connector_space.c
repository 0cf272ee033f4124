#include "lib/routing/connector_private.h"

#include "lib/base/text.h"

#include <glib.h>
#include <string.h>

/* [Type:]space[;cost]: "SMTP:*.contoso.com;10", "contoso.com", "*". */

#define ANY 1 /* below the length of any domain with "*." in front */

/* Both folded, or ASCII of any case. */
static bool
same(const char *text, size_t size, const char *domain)
{
	return strlen(domain) == size &&
	       g_ascii_strncasecmp(text, domain, size) == 0;
}

static bool
below(const char *parent, size_t size, const char *domain)
{
	size_t n = strlen(domain);

	return n > size + 1 && domain[n - size - 1] == '.' &&
	       same(parent, size, domain + n - size);
}

/* 0: the space does not hold the domain. */
static size_t
fit_of(const char *space, size_t size, const char *domain)
{
	if (size == 1 && space[0] == '*')
		return ANY;
	if (same(space, size, domain))
		return SIZE_MAX;
	if (size > 2 && space[0] == '*' && space[1] == '.' &&
	    (same(space + 2, size - 2, domain) ||
	     below(space + 2, size - 2, domain)))
		return size;
	return 0;
}

static size_t
fold_and_fit(const char *space, size_t size, const char *domain)
{
	g_autofree char *copy = g_strndup(space, size);
	g_autofree char *folded = NULL;

	if (g_str_is_ascii(copy))
		return fit_of(copy, size, domain);
	folded = ph_fold(copy);
	return fit_of(folded, strlen(folded), domain);
}

static bool
match(const char *text, const char *domain, struct ph_space *space_r)
{
	size_t size = strcspn(text, ";");
	const char *space = text, *colon = memchr(text, ':', size);

	if (colon != NULL) {
		if (colon != text + 4 || g_ascii_strncasecmp(text, "smtp", 4))
			return false;
		space = colon + 1;
		size -= (size_t)(space - text);
	}
	space_r->text = text;
	space_r->cost = 1;
	if (space[size] == ';' &&
	    ph_parse_int(space + size + 1, &space_r->cost, NULL) < 0)
		return false;
	space_r->fit = fold_and_fit(space, size, domain);
	return space_r->fit > 0;
}

bool
ph_space_find(const struct ph_object *connector, const char *domain,
	      struct ph_space *space_r)
{
	const char *const *list = ph_object_list(connector, "AddressSpaces");
	bool found = false;

	for (; *list != NULL; list++) {
		struct ph_space space;

		if (!match(*list, domain, &space))
			continue;
		if (!found || space.fit > space_r->fit ||
		    (space.fit == space_r->fit && space.cost < space_r->cost))
			*space_r = space;
		found = true;
	}
	return found;
}
