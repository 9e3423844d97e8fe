"""The HIS interface ``/medical-web/api/medical/<method>``, the de-facto contract of the field."""
