"""`python -m deploy.grafana`: print the dashboard for Grafana, as JSON."""

from __future__ import annotations

import json
import sys

from grafana_foundation_sdk.cog.encoder import JSONEncoder

from deploy.grafana.dashboard import dashboard

if __name__ == "__main__":
    sys.stdout.write(json.dumps(dashboard(), cls=JSONEncoder, indent=1, sort_keys=True) + "\n")
