#ifndef PH_STATE_MAP_NAMES_H
#define PH_STATE_MAP_NAMES_H

/*
 * The tables that Postfix asks posthub-policy for: names are in main.cf, and so
 * public. How each is answered is posthub-policy's (policy/maps.c).
 */
struct ph_map_name {
	const char *name;
	const char *help; /* one line */
};

/* Ends with name NULL. */
extern const struct ph_map_name ph_map_names[];

#endif
