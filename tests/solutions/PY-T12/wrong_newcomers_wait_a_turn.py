def run_queue(jobs, workers):
    free = [0] * workers
    left, result = list(jobs), {}
    while left:
        free.sort()
        now = max(free[0], min(job[1] for job in left))
        ready = [job for job in left if job[1] < now] or [job for job in left if job[1] == now]
        job = min(ready, key=lambda job: (-job[3], job[1], job[0]))
        left.remove(job)
        free[0] = now + job[2]
        result[job[0]] = (now, now + job[2])
    return result
