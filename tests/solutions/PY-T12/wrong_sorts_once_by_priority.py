import heapq


def run_queue(jobs, workers):
    free = [0] * workers
    result = {}
    for name, arrival, duration, priority in sorted(jobs, key=lambda job: (-job[3], job[1], job[0])):
        start = max(heapq.heappop(free), arrival)
        result[name] = (start, start + duration)
        heapq.heappush(free, start + duration)
    return result
