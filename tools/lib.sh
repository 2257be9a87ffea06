# Shared by the scripts behind ./x. Sourced with the repository's root as working directory.

# Bold on a terminal only, and not where NO_COLOR is set.
say() {
    local bold='' plain=''
    if [ -t 2 ] && [ -z "${NO_COLOR:-}" ]; then bold=$'\033[1m' plain=$'\033[0m'; fi
    printf '%s== %s%s\n' "$bold" "$*" "$plain" >&2
}

# Says what is wrong and what to do about it, and stops.
die() {
    printf 'x: %s\n' "$*" >&2
    exit 1
}

jobs_default() { nproc; }
