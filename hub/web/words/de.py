"""The pages in German, which addresses customers as Sie."""

from __future__ import annotations

from hub.web.words.page import PageWords

GERMAN = PageWords(
    language="de",
    direction="ltr",
    months=(
        "Januar",
        "Februar",
        "März",
        "April",
        "Mai",
        "Juni",
        "Juli",
        "August",
        "September",
        "Oktober",
        "November",
        "Dezember",
    ),
    moment="{day}. {month}, {time} Uhr UTC",
    question="Wie wahrscheinlich ist es, dass Sie {brand} im Freundes- oder Kollegenkreis weiterempfehlen?",
    lowest="0 = sehr unwahrscheinlich",
    highest="10 = sehr wahrscheinlich",
    chosen="Ihre Bewertung",
    out_of="von 10",
    answered=(
        "Sie haben mit {score} geantwortet. Bis zum {until} können Sie das ändern; vor dem Absenden ändert sich nichts."
    ),
    ask_anyone="Was ist der wichtigste Grund für Ihre Bewertung?",
    ask_detractor="Was sollten wir als Erstes ändern?",
    ask_passive="Was fehlt Ihnen noch zu einer 9 oder 10?",
    ask_promoter="Was gefällt Ihnen am besten?",
    rating_lowest="1 = sehr schlecht",
    rating_highest="5 = sehr gut",
    optional="freiwillig",
    send="Antwort senden",
    send_again="Geänderte Antwort senden",
    score_missing=(
        "In Ihrer Antwort fehlte die Bewertung. Wählen Sie eine Zahl von 0 bis 10 und senden Sie sie noch einmal."
    ),
    comment_too_long=(
        "Ihr Kommentar ist länger als {limit} Zeichen, deshalb wurde noch nichts gespeichert. Er steht noch "
        "unten: Kürzen Sie ihn und senden Sie ihn noch einmal."
    ),
    rating_unclear=(
        "Eine Bewertung lag nicht zwischen 1 und 5, oder diese Umfrage fragt nicht danach; deshalb wurde "
        "noch nichts gespeichert. Wählen Sie unten noch einmal und senden Sie die Antwort erneut."
    ),
    thanks="Vielen Dank für Ihre Antwort",
    thanks_detractor=(
        "Es tut uns leid, dass {brand} Ihre Erwartungen nicht erfüllt hat. Ihre Antwort hilft uns zu sehen, "
        "woran es liegt."
    ),
    thanks_passive="Schön, dass Sie mit {brand} zurechtkommen. Ihre Antwort hilft uns zu sehen, was noch fehlt.",
    thanks_promoter="Es freut uns, dass Sie {brand} weiterempfehlen würden.",
    recorded="Sie ist gespeichert. Sie können diese Seite schließen.",
    change="Antwort ändern",
    closed="Ihre Antwort ist gespeichert",
    closed_why="Sie lässt sich nicht mehr ändern. Vielen Dank, dass Sie teilgenommen haben.",
    over="Diese Umfrage ist beendet",
    over_why="Sie nimmt keine Antworten mehr an. Es gibt nichts weiter zu tun; Sie können diese Seite schließen.",
    unsubscribe_question="Keine Umfragen mehr von {brand}?",
    unsubscribe_why=(
        "Sie werden unter dieser E-Mail-Adresse nicht mehr befragt. Ihre übrigen E-Mails bleiben davon unberührt."
    ),
    unsubscribe="Abmelden",
    unsubscribed="Sie sind abgemeldet",
    unsubscribed_why="{brand} schickt keine Umfragen mehr an diese E-Mail-Adresse. Sie können diese Seite schließen.",
    not_found="Dieser Link funktioniert nicht",
    not_found_why=(
        "Vielleicht ist er unvollständig, oder die Umfrage ist beendet. Öffnen Sie den Link aus der E-Mail noch "
        "einmal, oder kopieren Sie ihn vollständig in die Adresszeile."
    ),
    trial="Das war eine Testmail",
    trial_why="In echten E-Mails öffnen die Links die Umfrage. Hier wird nichts gespeichert.",
    too_large="Das war zu viel Text",
    too_large_why=(
        "Es wurde nichts gespeichert. Gehen Sie zurück, kürzen Sie Ihren Kommentar und senden Sie ihn noch einmal."
    ),
)
