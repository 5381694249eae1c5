"""Getting the benchmarks' sequences from their sites: what is missing, downloads, checks.

plan = plan_fetch("otb100", "/data/OTB")      # rpn2t.fetch.plan: opens no connection
outcome = fetch(plan, jobs=4, say=print)      # rpn2t.fetch.run
"""
