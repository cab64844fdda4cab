/*
 * A clock for a server under test, by LD_PRELOAD: it goes $VEND_CLOCK_RATE times as fast as the machine's and is set by what
 * the file $VEND_CLOCK holds, a number of nanoseconds to add. Waits for a latch pass as much sooner. The monotonic clock stays
 * what it is, as nobody can set that one.
 *
 * libfaketime does not fake in signal handlers, which is where the postmaster of PostgreSQL 15 forks its workers.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static const uint64_t SECOND = 1000000000;
static const volatile uint64_t *added;
static uint64_t rate;

__attribute__((constructor)) static void begin(void)
{
	const char *told = getenv("VEND_CLOCK_RATE"), *name = getenv("VEND_CLOCK");
	int file = name ? open(name, O_RDONLY | O_CLOEXEC) : -1;
	void *place = file < 0 ? MAP_FAILED : mmap(NULL, sizeof *added, PROT_READ, MAP_SHARED, file, 0);

	rate = told ? strtoull(told, NULL, 10) : 0;
	if (place == MAP_FAILED || rate == 0)
		abort();
	close(file);
	added = place;
}

int clock_gettime(clockid_t clock, struct timespec *at)
{
	int status = syscall(SYS_clock_gettime, clock, at);

	if (status == 0 && clock == CLOCK_REALTIME && added)
	{
		/* Wraps, and the sum wraps back. */
		uint64_t shown = (at->tv_sec * SECOND + at->tv_nsec) * rate + *added;

		at->tv_sec = shown / SECOND;
		at->tv_nsec = shown % SECOND;
	}
	return status;
}

int gettimeofday(struct timeval *at, void *zone)
{
	struct timespec shown;

	(void) zone;
	clock_gettime(CLOCK_REALTIME, &shown);
	at->tv_sec = shown.tv_sec;
	at->tv_usec = shown.tv_nsec / 1000;
	return 0;
}

time_t time(time_t *at)
{
	struct timespec shown;

	clock_gettime(CLOCK_REALTIME, &shown);
	if (at)
		*at = shown.tv_sec;
	return shown.tv_sec;
}

int epoll_wait(int set, struct epoll_event *events, int most, int milliseconds)
{
	/* Rounded up: 0 would be a loop that never rests. */
	if (milliseconds > 0 && added)
		milliseconds = (milliseconds + rate - 1) / rate;
	return syscall(SYS_epoll_pwait, set, events, most, milliseconds, NULL, sizeof(uint64_t));
}
