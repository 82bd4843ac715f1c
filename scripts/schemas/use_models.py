"""Uses every model of a Django project as its pages do: rows by key, lists by foreign key, pages in the model's order, counts, saves, deletions."""
import logging
import random
import sys
import time

import django

logging.disable(logging.CRITICAL)
django.setup()
from django.apps import apps
from django.db import connection, models, transaction

random.seed(7)
ends = time.monotonic() + float(sys.argv[1])
refused = set()


def attempt(what, action):
    if time.monotonic() > ends:
        return None
    try:
        with transaction.atomic():
            return action()
    except Exception as error:
        refused.add(f"{what}: {type(error).__name__}")
        return None


used = [model for model in apps.get_models() if model._meta.managed and not model._meta.proxy and not model._meta.swapped]
random.shuffle(used)
for model in used:
    name, manager = model._meta.label, model._base_manager
    keys = attempt(name, lambda: list(manager.order_by("pk").values_list("pk", flat=True)[:20000])) or []
    if len(keys) < 100:
        continue
    fields = [field for field in model._meta.concrete_fields]
    referring = [field for field in fields if isinstance(field, models.ForeignKey)]
    searched = [field for field in fields if isinstance(field, (models.CharField, models.EmailField)) and not field.primary_key][:3]
    for _ in range(60):
        key = random.choice(keys)
        attempt(name, lambda: manager.get(pk=key))
    for field in referring:
        for _ in range(25):
            value = attempt(name, lambda: manager.filter(pk=random.choice(keys)).values_list(field.attname, flat=True).first())
            if value is not None:
                attempt(name, lambda: list(manager.filter(**{field.attname: value})[:25]))
    for field in searched:
        for _ in range(12):
            value = attempt(name, lambda: manager.filter(pk=random.choice(keys)).values_list(field.attname, flat=True).first())
            if value is not None:
                attempt(name, lambda: manager.filter(**{field.attname: value}).exists())
    for page in range(12):
        attempt(name, lambda: list(model._default_manager.all()[page * 25 : page * 25 + 25]))
        attempt(name, lambda: manager.count())
    for _ in range(30):
        row = attempt(name, lambda: manager.get(pk=random.choice(keys)))
        if row is not None:
            attempt(name, lambda: models.Model.save_base(row, force_update=True))
    for _ in range(12):
        attempt(name, lambda: manager.filter(pk=random.choice(keys)).delete())
with connection.cursor() as cursor:
    cursor.execute("ANALYZE")
print(f"{len(used)} models; {len(refused)} uses refused: {', '.join(sorted(refused)[:8])}", file=sys.stderr)
