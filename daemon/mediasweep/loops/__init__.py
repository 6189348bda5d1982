"""What keeps moving while the daemon lives; each loop ends only when it is told to, or takes all
down.
"""
