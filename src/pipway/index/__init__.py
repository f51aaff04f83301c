"""Ways of being an index; each wraps another: ahead, cached, flight, merged, remote. Faces talk to `base.Index` only.

Events (names are stable; facts never hold secrets, URLs carry neither userinfo nor query):

| event                 | when                                                      | facts                            |
|-----------------------|-----------------------------------------------------------|----------------------------------|
| `upstream.asked`      | a request upstream was answered or failed (status 0)      | index, kind, url, status, seconds|
| `upstream.retry`      | a transient failure is about to be retried                | index, url, attempt, delay, error|
| `breaker.opened`      | an origin failed repeatedly and is left alone             | origin, seconds                  |
| `breaker.closed`      | a probe succeeded, the origin is asked again              | origin                           |
| `page.hit`            | a page was answered fresh                                 | index, project                   |
| `page.miss`           | a page had to be fetched before answering                 | index, project                   |
| `page.stale`          | an old page was served instead of waiting or failing      | index, project, age, error       |
| `page.revalidated`    | an upstream confirmed or replaced a page                  | index, project, changed          |
| `page.failed`         | a fetch or revalidation failed                            | index, project, error            |
| `page.unstored`       | a page was not written to the catalog; served anyway      | index, project, error            |
| `page.gone`           | the upstream said 404 or 410; the page is forgotten       | index, project                   |
| `file.hit`            | a stored file was opened                                  | filename                         |
| `file.miss`           | a download began                                          | filename                         |
| `file.joined`         | a client joined a running download                        | filename, written                |
| `file.resumed`        | a broken download continues where it broke                | filename, offset, error, delay   |
| `file.stored`         | digest and length were right; it is published             | filename, size, seconds          |
| `file.mismatch`       | digest or length were wrong; nothing was stored           | filename, error                  |
| `file.failed`         | a download ended with another error                       | filename, error                  |
| `metadata.fetched`    | the upstream's `.metadata` was verified and stored        | filename                         |
| `metadata.backfilled` | METADATA was taken from the wheel                         | filename, via, size              |
| `metadata.mismatch`   | the upstream's `.metadata` is not what was advertised     | filename                         |
| `metadata.impossible` | the wheel has no usable METADATA; no longer advertised    | filename, error                  |
| `projects.fetched`    | the list of projects was downloaded or confirmed          | index, changed                   |
| `projects.stale`      | an old list is served because the upstream failed         | index, error                     |
| `ahead.fetched`       | something was fetched that a client may ask for           | kind, size, left                 |
| `ahead.right`         | a client asked for it                                     | kind                             |
| `ahead.failed`        | a guess could not be fetched; nobody was told             | error                            |
"""
