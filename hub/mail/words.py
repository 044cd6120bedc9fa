"""Every word of the mail, by language."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class MailWords:
    """The texts of one language; `{brand}`, `{name}`, `{score}` and `{subject}` stand for themselves.

    `score_of` is what screen readers say of a button that shows a bare number.
    """

    language: str
    direction: Literal["ltr", "rtl"]
    subject: str
    reminder: str
    question: str
    greeting: str
    neutral_greeting: str
    request: str
    request_in_text: str
    lowest: str
    highest: str
    score_of: str
    sender: str
    why: str
    unsubscribe: str
    unsubscribe_in_text: str
    closing: str


WORDS = {
    "en": MailWords(
        language="en",
        direction="ltr",
        subject="How likely are you to recommend {brand}?",
        reminder="Reminder: {subject}",
        question="How likely are you to recommend {brand} to a friend or colleague?",
        greeting="Hello {name},",
        neutral_greeting="Hello,",
        request="Please choose a number. You can change it, and add a comment, before you send it.",
        request_in_text=(
            "Please open the link beside your number. You can change it, and add a comment, before you send it."
        ),
        lowest="0 = not at all likely",
        highest="10 = extremely likely",
        score_of="{score} of 10",
        sender="{brand} sends this survey to learn what its customers think.",
        why="You get it because you are a customer of {brand}.",
        unsubscribe="Unsubscribe from these surveys",
        unsubscribe_in_text="If you want no more of these surveys, unsubscribe here:",
        closing="Thank you,",
    ),
    "de": MailWords(
        language="de",
        direction="ltr",
        subject="Würden Sie {brand} weiterempfehlen?",
        reminder="Erinnerung: {subject}",
        question="Wie wahrscheinlich ist es, dass Sie {brand} im Freundes- oder Kollegenkreis weiterempfehlen?",
        greeting="Guten Tag {name}",
        neutral_greeting="Guten Tag",
        request=(
            "Bitte wählen Sie eine Zahl. Vor dem Absenden können Sie sie noch ändern und einen Kommentar schreiben."
        ),
        request_in_text=(
            "Bitte öffnen Sie den Link neben Ihrer Zahl. Vor dem Absenden können Sie sie noch ändern und einen "
            "Kommentar schreiben."
        ),
        lowest="0 = sehr unwahrscheinlich",
        highest="10 = sehr wahrscheinlich",
        score_of="{score} von 10",
        sender="{brand} verschickt diese Umfrage, um zu erfahren, was Kundinnen und Kunden denken.",
        why="Sie erhalten sie, weil Sie {brand} nutzen.",
        unsubscribe="Von diesen Umfragen abmelden",
        unsubscribe_in_text="Wenn Sie keine solchen Umfragen mehr erhalten möchten, melden Sie sich hier ab:",
        closing="Vielen Dank,",
    ),
    "fr": MailWords(
        language="fr",
        direction="ltr",
        subject="Recommanderiez-vous {brand}\u00a0?",
        reminder="Rappel\u00a0: {subject}",
        question="Quelle est la probabilité que vous recommandiez {brand} à un ami ou à un collègue\u00a0?",
        greeting="Bonjour {name},",
        neutral_greeting="Bonjour,",
        request="Veuillez choisir une note. Vous pourrez la modifier et ajouter un commentaire avant de l’envoyer.",
        request_in_text=(
            "Veuillez ouvrir le lien situé à côté de votre note. Vous pourrez la modifier et ajouter un "
            "commentaire avant de l’envoyer."
        ),
        lowest="0 = pas du tout probable",
        highest="10 = extrêmement probable",
        score_of="{score} sur 10",
        sender="{brand} envoie cette enquête pour savoir ce que pensent ses clients.",
        why="Vous la recevez parce que vous êtes client de {brand}.",
        unsubscribe="Ne plus recevoir ces enquêtes",
        unsubscribe_in_text="Pour ne plus recevoir ces enquêtes, désinscrivez-vous ici\u00a0:",
        closing="Merci,",
    ),
    "es": MailWords(
        language="es",
        direction="ltr",
        subject="¿Recomendaría {brand}?",
        reminder="Recordatorio: {subject}",
        question="¿Con qué probabilidad recomendaría {brand} a un amigo o colega?",
        greeting="Hola, {name}:",
        neutral_greeting="Hola:",
        request="Elija un número, por favor. Podrá cambiarlo y añadir un comentario antes de enviarlo.",
        request_in_text=(
            "Abra el enlace que está junto a su número, por favor. Podrá cambiarlo y añadir un comentario antes de "
            "enviarlo."
        ),
        lowest="0 = nada probable",
        highest="10 = muy probable",
        score_of="{score} de 10",
        sender="{brand} envía esta encuesta para saber qué piensan sus clientes.",
        why="La recibe porque es cliente de {brand}.",
        unsubscribe="Darme de baja de estas encuestas",
        unsubscribe_in_text="Si no desea recibir más encuestas, puede darse de baja aquí:",
        closing="Muchas gracias,",
    ),
    "ja": MailWords(
        language="ja",
        direction="ltr",
        subject="{brand}に関するアンケートのお願い",
        reminder="【再度のお願い】{subject}",
        question="{brand}をご友人や同僚の方に勧める可能性は、どのくらいありますか？",
        greeting="{name} 様",
        neutral_greeting="お客様へ",
        request="数字を一つお選びください。送信前に変更したり、コメントを添えたりすることができます。",
        request_in_text=(
            "選ぶ数字の横にあるリンクを開いてください。送信前に変更したり、コメントを添えたりすることができます。"
        ),
        lowest="0 = まったくない",
        highest="10 = 非常に高い",
        score_of="10点中{score}点",
        sender="このアンケートは、{brand}がお客様のご意見を伺うためにお送りしています。",
        why="{brand}をご利用いただいているお客様にお届けしています。",
        unsubscribe="アンケートの配信を停止する",
        unsubscribe_in_text="今後アンケートをご希望でない場合は、こちらから配信を停止できます。",
        closing="どうぞよろしくお願いいたします。",
    ),
    "ar": MailWords(
        language="ar",
        direction="rtl",
        subject="هل توصون بـ\u00a0{brand}؟",
        reminder="تذكير: {subject}",
        question="ما مدى احتمال أن توصوا بـ\u00a0{brand} لصديق أو زميل؟",
        greeting="مرحبًا {name}،",
        neutral_greeting="مرحبًا،",
        request="يُرجى اختيار رقم. يمكنكم تغييره وإضافة تعليق قبل الإرسال.",
        request_in_text="يُرجى فتح الرابط المجاور للرقم الذي تختارونه. يمكنكم تغييره وإضافة تعليق قبل الإرسال.",
        lowest="0 = غير محتمل إطلاقًا",
        highest="10 = محتمل جدًا",
        score_of="{score} من 10",
        sender="ترسل {brand} هذا الاستطلاع لمعرفة آراء عملائها.",
        why="تصلكم هذه الرسالة لأنكم من عملاء {brand}.",
        unsubscribe="إلغاء الاشتراك في هذه الاستطلاعات",
        unsubscribe_in_text="إذا كنتم لا ترغبون في استطلاعات أخرى، فيمكنكم إلغاء الاشتراك هنا:",
        closing="شكرًا لكم،",
    ),
}


def words_for(language: str) -> MailWords:
    """Return the words of `language` ("pt-BR"), else of its base language ("pt"), else English."""
    tag = language.replace("_", "-").lower()
    return WORDS.get(tag) or WORDS.get(tag.partition("-")[0]) or WORDS["en"]
