from flask import Flask, session
from vedfolnir import Vedfolnir

app = Flask(__name__)
Vedfolnir(app)


@app.get("/")
def visits() -> str:
    session["visits"] = session.get("visits", 0) + 1
    return f"Visit number {session['visits']}\n"
