import heapq


def run_queue(jobs, workers):
    arriving = sorted(jobs, key=lambda job: job[1])
    waiting, running, result, now = [], [], {}, 0
    position, free = 0, workers
    while position < len(arriving) or waiting:
        while running and running[0] <= now:
            heapq.heappop(running)
            free += 1
        while position < len(arriving) and arriving[position][1] <= now:
            name, arrival, duration, priority = arriving[position]
            heapq.heappush(waiting, (-priority, arrival, name, duration))
            position += 1
        while free and waiting:
            _, _, name, duration = heapq.heappop(waiting)
            result[name] = (now, now + duration)
            heapq.heappush(running, now + duration)
            free -= 1
        upcoming = running[:1] + [job[1] for job in arriving[position:position + 1]]
        now = min(upcoming, default=now)
    return result
