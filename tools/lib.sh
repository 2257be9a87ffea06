# Shared by the scripts behind ./x. Sourced with the repository's root as working directory.

say() { printf '\033[1m== %s\033[0m\n' "$*" >&2; }

# Says what is wrong and what to do about it, and stops.
die() {
    printf 'x: %s\n' "$*" >&2
    exit 1
}

jobs_default() { nproc; }
