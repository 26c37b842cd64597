"""Checks what can be checked of a compose file without a container engine, and prints the environment of our services.

compose_file.py FILE prints a JSON object: service -> {"command": [...], "environment": {...}} of those built here.
"""

import json
import sys

import yaml

with open(sys.argv[1], encoding="utf-8") as file:
    whole = yaml.safe_load(file)

services = whole["services"]
ours = {}
for name, service in services.items():
    assert "image" in service or "build" in service, f"{name} has neither image nor build"
    for other in service.get("depends_on", []):
        assert other in services, f"{name} depends on {other}, which there is not"
    for volume in service.get("volumes", []):
        source = volume.split(":")[0]
        assert source in whole.get("volumes", {}), f"{name} mounts {source}, which there is not"
    if "build" in service:
        ours[name] = {"command": service["command"], "environment": service["environment"]}
print(json.dumps(ours))
