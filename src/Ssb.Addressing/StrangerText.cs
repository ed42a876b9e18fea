using System.Globalization;
using System.Text;

namespace Ssb;

/// <summary>The one way in which text of a stranger reaches a person: on a screen, in a log, in the message of an exception.</summary>
/// <remarks>The text cannot begin a line of its own, steer a terminal, reorder the text around it or hide in it, and is short. Values
/// that programs read, such as those in JSON, stay as they are.</remarks>
public static class StrangerText
{
    /// <summary>The longest text that is shown whole, in characters.</summary>
    public const int DefaultLength = 200;

    /// <summary>The longest text that <see cref="Shorten"/> keeps whole, in characters: 300.</summary>
    public const int KeptLength = 300;

    private const int MostMarks = 4; // on one character, as many as languages need
    private const string Ellipsis = "...";

    /// <summary>Does this character do something else than show itself?</summary>
    /// <remarks>Control characters (C0 and C1, so each escape sequence and each line break), format characters (bidirectional controls,
    /// zero-width and invisible ones), separators of lines and paragraphs, private and unassigned characters, and letters that are
    /// blank.</remarks>
    public static bool IsUnsafe(Rune rune) => rune.Value is < ' ' or > '~' && (Rune.GetUnicodeCategory(rune) switch
    {
        UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.Surrogate or UnicodeCategory.PrivateUse
            or UnicodeCategory.OtherNotAssigned or UnicodeCategory.LineSeparator
            or UnicodeCategory.ParagraphSeparator => true,
        _ => rune.Value is 0x034F or 0x115F or 0x1160 or 0x17B4 or 0x17B5 or 0x2800 or 0x3164 or 0xFFA0,
    });

    /// <summary>An exception with its causes, as <see cref="Exception.ToString"/> writes it, in which each message is shown as a
    /// stranger's text: the message of a cause may repeat what a peer or server sent, such as the lines of an HTTP answer.</summary>
    /// <param name="exception">The exception.</param>
    /// <param name="length">How many characters of a message may be shown.</param>
    public static string Show(Exception exception, int length = DefaultLength)
    {
        var shown = new StringBuilder();
        for (Exception? cause = exception; cause is not null; cause = cause.InnerException)
        {
            if (!ReferenceEquals(cause, exception))
                shown.AppendLine().Append(" ---> ");
            shown.Append(cause.GetType()).Append(": ").Append(Show(cause.Message, length));
            if (cause.StackTrace is { } trace)
                shown.AppendLine().Append(trace);
        }

        return shown.ToString();
    }

    /// <summary>The beginning of a stranger's text, as a value to keep: the first <see cref="KeptLength"/> characters, and <c>...</c> if there are more.
    /// A lone surrogate becomes U+FFFD. To show the text to people, use <see cref="Show(string?, int)"/>.</summary>
    public static string Shorten(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        string cut = text.Length <= KeptLength ? text : text[..KeptLength] + Ellipsis;
        return cut.AsSpan().ContainsAnyInRange('\ud800', '\udfff') ? Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(cut)) : cut;
    }

    /// <summary>The text, fit to be shown: each unsafe character is <c>?</c>, a lone surrogate U+FFFD, each space a plain one, and what is longer
    /// than <paramref name="length"/> ends with <c>...</c>.</summary>
    /// <param name="text">The text; null is shown as none.</param>
    /// <param name="length">How many characters may be shown, at least 3.</param>
    public static string Show(string? text, int length = DefaultLength)
    {
        if (text is null)
            return "";
        if (text.Length <= length && !text.AsSpan().ContainsAnyExceptInRange(' ', '~'))
            return text;

        var shown = new StringBuilder(Math.Min(text.Length, length));
        int marks = 0;
        foreach (Rune rune in text.EnumerateRunes())
        {
            // Marks are stacked on the character before them, however many there are.
            UnicodeCategory category = Rune.GetUnicodeCategory(rune);
            marks = category is UnicodeCategory.NonSpacingMark or UnicodeCategory.EnclosingMark ? marks + 1 : 0;
            if (marks > MostMarks)
                continue;
            shown.Append(IsUnsafe(rune) ? new Rune('?') : category == UnicodeCategory.SpaceSeparator ? new Rune(' ') : rune);
            if (shown.Length <= length)
                continue;
            shown.Length = length - Ellipsis.Length;
            if (shown.Length > 0 && char.IsHighSurrogate(shown[^1]))
                shown.Length--;
            return shown.Append(Ellipsis).ToString();
        }

        return shown.ToString();
    }
}
