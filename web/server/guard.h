/* Which requests are answered at all. A page of another site that a browser shows can send requests here, and a name
 * of its own can be made to point at this machine (DNS rebinding): both show in the Host and Origin headers. */
#ifndef WEB_GUARD_H
#define WEB_GUARD_H

#include <stdbool.h>

/* Whether a Host header is "localhost" or an IP address, with any port (that of a tunnel may differ from ours). Names
 * of other hosts are refused: an attacker's name that points here is one. */
bool web_host_is_local(const char *host);

/* Whether an Origin header is that of the pages served under `host`. NULL for a request without one: true only when it
 * is not `required`. */
bool web_origin_matches(const char *origin, const char *host, bool required);

#endif
