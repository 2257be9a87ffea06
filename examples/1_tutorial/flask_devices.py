from flask import Flask, redirect, request, session
from vedfolnir import Vedfolnir, end_other_sessions, login, logout, sessions

app = Flask(__name__)
Vedfolnir(app)


@app.post("/login")
def sign_in():
    # Your own check of the password comes here.
    login(request.form["user"])
    return redirect("/devices")


@app.get("/devices")
def devices():
    return [
        {"handle": one.handle, "device": one.device, "this one": one.is_current}
        for one in sessions()
    ]


@app.post("/platform")
def platform():
    session["current_platform_id"] = int(request.form["id"])  # audited
    return redirect("/devices")


@app.post("/end-others")
def end_others():
    return f"{end_other_sessions()} ended\n"


@app.post("/logout")
def sign_out():
    return f"{logout()}\n"  # ended, pending or absent
